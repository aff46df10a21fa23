import type { Context } from '@gala/lib/lifecycle';
import { Backups, type BackupsOptions } from './backups.ts';
import { backupSection } from './config.ts';
import { BackupEvents } from './events.ts';

export function openBackups(
  { clock, logger, metrics, settings }: Context,
  parts: Pick<BackupsOptions, 'admission' | 'gate' | 'ingest' | 'streams'>,
): Backups {
  const events = new BackupEvents(logger, metrics);
  const backups = new Backups({ ...parts, clock, config: settings.get(backupSection), events });
  metrics.gauge('gala_backup_publishers', 'backup publishers, on air or waiting', () => backups.size);
  metrics.gauge('gala_backup_held_bytes', 'media of backups in memory', () => backups.heldBytes);
  return backups;
}
