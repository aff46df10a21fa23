export { AuditedRecord, type Author, type RecordChange } from './audited-record.ts';
export { recordErrors } from './errors.ts';
