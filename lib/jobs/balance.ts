/**
 * Who is to have which partition, moving as few as possible: nobody has more than one above anybody else, a
 * newcomer takes its share from those who have most, and what the dead had goes to those who have least.
 *
 * @param owners By partition; undefined where nobody has it.
 * @param workers Those alive; nothing is planned without any.
 */
export function rebalance(owners: readonly (string | undefined)[], workers: readonly string[]): string[] {
  const held = new Map<string, number[]>(workers.map((worker) => [worker, []]));
  const free: number[] = [];
  for (const [partition, owner] of owners.entries()) {
    (held.get(owner ?? '') ?? free).push(partition);
  }
  const shares = sharesOf(held, owners.length);
  for (const [worker, partitions] of held) free.push(...partitions.splice(shares.get(worker)!));
  const planned = Array.from<string>({ length: owners.length });
  for (const [worker, partitions] of held) {
    partitions.push(...free.splice(0, shares.get(worker)! - partitions.length));
    for (const partition of partitions) planned[partition] = worker;
  }
  return planned;
}

/** What does not divide goes one each to those who have most already, so that it need not move. */
function sharesOf(held: ReadonlyMap<string, readonly number[]>, partitions: number): Map<string, number> {
  const byCount = [...held.keys()].toSorted((one, two) => held.get(two)!.length - held.get(one)!.length);
  const least = Math.floor(partitions / byCount.length);
  const rest = partitions - least * byCount.length;
  return new Map(byCount.map((worker, place) => [worker, least + (place < rest ? 1 : 0)]));
}
