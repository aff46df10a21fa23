import type { OperationName, operations } from '@gala/protocol/rest';

/** Method and path of every operation, checked by the compiler against the REST table. */
type Routes = {
  readonly [Name in OperationName]: {
    readonly method: (typeof operations)[Name]['method'];
    readonly path: (typeof operations)[Name]['path'];
  };
};

/** The part of `protocol/rest` that is needed at run time: without it the schemas would come along. */
export const routes: Routes = {
  listSwitches: { method: 'GET', path: '/v1/switches' },
  setSwitch: { method: 'PUT', path: '/v1/switches/{switchName}' },
  listComingRooms: { method: 'GET', path: '/v1/schedule' },
  getHostPage: { method: 'GET', path: '/v1/hosts/{hostRef}/page' },
  getSiteNotice: { method: 'GET', path: '/v1/notice' },
  putSiteNotice: { method: 'PUT', path: '/v1/notice' },
  listAreas: { method: 'GET', path: '/v1/areas' },
  putArea: { method: 'PUT', path: '/v1/areas/{areaId}' },
  orderAreas: { method: 'PUT', path: '/v1/areas' },
  retireArea: { method: 'POST', path: '/v1/areas/{areaId}/retire' },
  signIn: { method: 'POST', path: '/v1/sessions' },
  signInPartner: { method: 'POST', path: '/v1/sessions/partner' },
  getSession: { method: 'GET', path: '/v1/sessions/current' },
  signOut: { method: 'DELETE', path: '/v1/sessions/current' },
  setPassword: { method: 'PUT', path: '/v1/users/me/password' },
  createHost: { method: 'POST', path: '/v1/hosts' },
  getMyHost: { method: 'GET', path: '/v1/hosts/me' },
  updateMyHost: { method: 'PATCH', path: '/v1/hosts/me' },
  rotateStreamKey: { method: 'POST', path: '/v1/hosts/me/stream-key' },
  rotateHostStreamKey: { method: 'POST', path: '/v1/hosts/{hostRef}/stream-key' },
  getMyHostMedia: { method: 'GET', path: '/v1/hosts/me/media' },
  putMyHostMedia: { method: 'PUT', path: '/v1/hosts/me/media' },
  getHostMedia: { method: 'GET', path: '/v1/hosts/{hostRef}/media' },
  putHostMedia: { method: 'PUT', path: '/v1/hosts/{hostRef}/media' },
  createRoom: { method: 'POST', path: '/v1/rooms' },
  listLiveRooms: { method: 'GET', path: '/v1/rooms' },
  getRoom: { method: 'GET', path: '/v1/rooms/{roomId}' },
  enterRoom: { method: 'GET', path: '/v1/rooms/{roomRef}/enter' },
  endRoom: { method: 'POST', path: '/v1/rooms/{roomId}/end' },
  listMyRecordings: { method: 'GET', path: '/v1/hosts/me/recordings' },
  deleteRecordings: { method: 'DELETE', path: '/v1/rooms/{roomId}/recordings' },
  createApiToken: { method: 'POST', path: '/v1/api-tokens' },
  listApiTokens: { method: 'GET', path: '/v1/api-tokens' },
  revokeApiToken: { method: 'DELETE', path: '/v1/api-tokens/{tokenId}' },
  putIssuer: { method: 'PUT', path: '/v1/issuers' },
  listIssuers: { method: 'GET', path: '/v1/issuers' },
  listStreams: { method: 'GET', path: '/v1/streams' },
  getStream: { method: 'GET', path: '/v1/streams/{roomId}' },
  kickViewer: { method: 'POST', path: '/v1/streams/{roomId}/viewers/{viewerId}/kick' },
  kickPublisher: { method: 'POST', path: '/v1/streams/{roomId}/publisher/kick' },
  listEdges: { method: 'GET', path: '/v1/edges' },
  drainEdge: { method: 'POST', path: '/v1/edges/{edgeId}/drain' },
  listTraces: { method: 'GET', path: '/v1/traces' },
  getTrace: { method: 'GET', path: '/v1/traces/{traceId}' },
  listJobPlans: { method: 'GET', path: '/v1/jobs/plans' },
  runJobPlan: { method: 'POST', path: '/v1/jobs/plans/{planName}/run' },
  pauseJobPlan: { method: 'POST', path: '/v1/jobs/plans/{planName}/pause' },
  resumeJobPlan: { method: 'POST', path: '/v1/jobs/plans/{planName}/resume' },
  listJobRuns: { method: 'GET', path: '/v1/jobs/runs' },
  getJobRun: { method: 'GET', path: '/v1/jobs/runs/{runId}' },
  cancelJobRun: { method: 'POST', path: '/v1/jobs/runs/{runId}/cancel' },
  listShardedJobs: { method: 'GET', path: '/v1/jobs/sharded' },
  getShardedJob: { method: 'GET', path: '/v1/jobs/sharded/{jobName}' },
  pauseShardedJob: { method: 'POST', path: '/v1/jobs/sharded/{jobName}/pause' },
  resumeShardedJob: { method: 'POST', path: '/v1/jobs/sharded/{jobName}/resume' },
};
