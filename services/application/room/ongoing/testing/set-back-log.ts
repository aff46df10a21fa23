import { roomTopic } from '@gala/protocol/room';
import type { Connection } from '../../store/connection.ts';

/** Takes the last appends to each partition of the changes of rooms away, as a restored backup lacks them. */
export async function setBackLog(connection: Connection): Promise<void> {
  const { rows } = await connection.query<{ id: number }>('select id from eventlog_topic where name = $1', [
    roomTopic.name,
  ]);
  for (const { id } of rows) {
    await connection.query(`
      begin;
      delete from eventlog_${id} where (partition, last_offset) in (
        select partition, last_offset from (
          select partition, last_offset, row_number() over (partition by partition order by last_offset desc) as place
          from eventlog_${id}) placed where place <= 2);
      update eventlog_partition known set head = greatest(start, coalesce((
          select max(last_offset) + 1 from eventlog_${id} kept where kept.partition = known.partition), 0))
        where topic = ${id};
      commit`);
  }
}
