/** What the command line and the supervisor may answer; a stop with one of these is no crash. */
export const cliErrors = {
  USAGE: { http: 400, grpc: 3, message: 'the command line is not understood' },
  ALREADY_RUNNING: { http: 409, grpc: 9, message: 'Gala already runs on this data folder' },
  DATA_FOLDER_UNUSABLE: { http: 500, grpc: 9, message: 'the data folder cannot be written' },
  NOT_RUNNING: { http: 503, grpc: 14, message: 'Gala does not run on this data folder' },
  START_FAILED: { http: 500, grpc: 13, message: 'a process did not start' },
  EDGES_UNSUPPORTED: {
    http: 501,
    grpc: 12,
    message: 'several edge processes on one port are not possible here',
  },
  REQUEST_FAILED: { http: 502, grpc: 14, message: 'Gala refused the request' },
  DEMO_UNAVAILABLE: { http: 501, grpc: 12, message: 'there is no demo on this machine' },
} as const;
