import { CodedError } from '@gala/lib/error';
import { ApiError, createRoomClient, type RoomClient } from '@gala/sdk/room';
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

/** Does something as the first operator. What is refused is REQUEST_FAILED with the code of the refusal. */
export async function asOperator<Result>(work: (client: RoomClient) => Promise<Result>): Promise<Result> {
  const client = await operatorClient();
  try {
    return await work(client);
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const detail = `${error.code}: ${error.detail ?? error.message}`;
    throw new CodedError(cliErrors, 'REQUEST_FAILED', { detail, cause: error });
  }
}
