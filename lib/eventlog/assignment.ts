import { crc32 } from 'node:zlib';

/**
 * Who reads which partition: highest random weight, with shares that differ by one at most. All who have the same
 * list of members come to the same answer.
 */
export function assign(members: readonly string[], partitions: number): Map<string, number[]> {
  const shares = new Map<string, number[]>(members.toSorted().map((member) => [member, []]));
  for (let partition = 0; partition < partitions && members.length > 0; partition++) {
    const sizeMax = Math.ceil((partition + 1) / members.length);
    const open = [...shares].filter(([, share]) => share.length < sizeMax);
    const [, best] = open.reduce((one, other) =>
      weight(other[0], partition) > weight(one[0], partition) ? other : one,
    );
    best.push(partition);
  }
  return shares;
}

function weight(member: string, partition: number): number {
  return crc32(`${member}/${partition}`);
}
