import type { Sql } from '@gala/lib/sql';
import { shardOfUser } from '@gala/protocol/ids';
import type { Sanction } from '../rules/sanctions.ts';
import { defaultChatSettings, type ChatSettings } from '../rules/settings.ts';
import type { WordRule } from '../rules/words.ts';

/** What a host's rooms are opened with. */
export interface StoredChat {
  readonly settings: ChatSettings;
  /** 0 as long as nothing was changed. */
  readonly version: number;
  readonly words: readonly WordRule[];
  readonly wordsVersion: number;
  readonly sanctions: readonly Sanction[];
  readonly moderators: readonly number[];
}

interface ChatRow {
  settings: Partial<ChatSettings> | null;
  version: number | null;
  words: WordRule[] | null;
  words_version: number | null;
  sanctions: [userId: number, kind: Sanction['kind'], untilMs: number][] | null;
  moderators: number[] | null;
}

/** In one round trip. Sanctions that have ended are left out. */
export async function readChat(sql: Sql, hostId: number, nowMs: number): Promise<StoredChat> {
  const shard = shardOfUser(hostId);
  const { rows } = await sql.read(shard, (client) =>
    client.query<ChatRow>({
      name: 'interaction-read-chat',
      text: `
        select chat.settings, chat.version, listed.words, listed.version as words_version,
          (select json_agg(json_build_array(user_id, kind, until_ms)) from interaction_sanction
           where shard = $1 and host_id = $2 and (until_ms = 0 or until_ms > $3)) as sanctions,
          (select json_agg(user_id) from interaction_moderator where shard = $1 and host_id = $2) as moderators
        from (select 1) one
        left join interaction_chat chat on chat.shard = $1 and chat.host_id = $2
        left join interaction_words listed on listed.shard = $1 and listed.host_id = $2`,
      values: [shard, hostId, nowMs],
    }),
  );
  const [{ settings, version, words, words_version: wordsVersion, sanctions, moderators }] = rows;
  return {
    // What a newer version of the program added to the settings has its default in older rows.
    settings: { ...defaultChatSettings, ...settings },
    version: version ?? 0,
    words: words ?? [],
    wordsVersion: wordsVersion ?? 0,
    sanctions: (sanctions ?? []).map(([userId, kind, untilMs]) => ({ userId, kind, untilMs })),
    moderators: moderators ?? [],
  };
}

/** What decides who may enter a host's rooms, and as what. */
export interface Standing {
  readonly moderators: ReadonlySet<number>;
  /** When each ban ends; 0 for never. */
  readonly bannedUntilMs: ReadonlyMap<number, number>;
}

/** In one round trip. */
export async function readStanding(sql: Sql, hostId: number, nowMs: number): Promise<Standing> {
  const shard = shardOfUser(hostId);
  const { rows } = await sql.read(shard, (client) =>
    client.query<{ moderators: number[] | null; bans: [userId: number, untilMs: number][] | null }>({
      name: 'interaction-read-standing',
      text: `
        select
          (select json_agg(user_id) from interaction_moderator where shard = $1 and host_id = $2) as moderators,
          (select json_agg(json_build_array(user_id, until_ms)) from interaction_sanction
           where shard = $1 and host_id = $2 and kind = 'ban' and (until_ms = 0 or until_ms > $3)) as bans`,
      values: [shard, hostId, nowMs],
    }),
  );
  const [{ moderators, bans }] = rows;
  return { moderators: new Set(moderators ?? []), bannedUntilMs: new Map(bans ?? []) };
}

export interface Versioned<Value> {
  readonly hostId: number;
  readonly value: Value;
  /** The one that it was made from. */
  readonly version: number;
}

/** The new version; undefined when the one that stands is another. */
export function saveSettings(sql: Sql, change: Versioned<ChatSettings>): Promise<number | undefined> {
  return save(sql, { table: 'interaction_chat', column: 'settings' }, change);
}

/** The new version; undefined when the one that stands is another. */
export function saveWords(sql: Sql, change: Versioned<readonly WordRule[]>): Promise<number | undefined> {
  return save(sql, { table: 'interaction_words', column: 'words' }, change);
}

type Place =
  | { readonly table: 'interaction_chat'; readonly column: 'settings' }
  | { readonly table: 'interaction_words'; readonly column: 'words' };

/** A first version is written only where there is none, a further one only over the one before it. */
async function save(
  sql: Sql,
  { table, column }: Place,
  { hostId, value, version }: Versioned<unknown>,
): Promise<number | undefined> {
  const shard = shardOfUser(hostId);
  const insert = `insert into ${table} (shard, host_id, ${column}, version) values ($1, $2, $3, $4 + 1)
    on conflict do nothing returning version`;
  const update = `update ${table} set ${column} = $3, version = version + 1
    where shard = $1 and host_id = $2 and version = $4 returning version`;
  const { rows } = await sql.tx(shard, (client) =>
    client.query<{ version: number }>({
      name: `${table}-${version === 0 ? 'insert' : 'update'}`,
      text: version === 0 ? insert : update,
      values: [shard, hostId, JSON.stringify(value), version],
    }),
  );
  return rows.at(0)?.version;
}
