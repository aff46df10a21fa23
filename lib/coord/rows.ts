/** What adapters keep, as the coordinator hands it to them and takes it back. */
export interface LeaseKey {
  readonly job: string;
  readonly partition: number;
}

export interface LeaseRow extends LeaseKey {
  readonly fence: number;
}

export interface MemberRow {
  readonly group: string;
  readonly id: string;
  readonly data: string;
}

export interface RecordRow {
  readonly key: string;
  readonly version: number;
  readonly value: unknown;
}

/** JSON is written if the version is still the expected one. */
export interface RecordWrite {
  readonly key: string;
  readonly expected: number;
  readonly json: string;
}
