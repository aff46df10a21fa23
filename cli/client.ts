import { CodedError } from '@gala/lib/error';
import { createRoomClient, type RoomClient } from '@gala/sdk/room';
import { dataFolderPath, readSecrets, readSupervisorRecord, type SupervisorRecord } from './data-folder.ts';
import { cliErrors } from './errors.ts';

/** The installation of this data folder as it runs now. */
export async function runningInstallation(): Promise<SupervisorRecord> {
  const dataFolder = dataFolderPath();
  const record = await readSupervisorRecord(dataFolder);
  if (!record) throw new CodedError(cliErrors, 'NOT_RUNNING', { detail: dataFolder });
  return record;
}

/** Its REST interface, as the first operator. */
export async function operatorClient(): Promise<RoomClient> {
  const { adminUrl } = await runningInstallation();
  const { operatorToken } = await readSecrets(dataFolderPath());
  return createRoomClient({ baseUrl: adminUrl, token: operatorToken });
}
