const entry = (http: number, grpc: number, message: string) => ({ http, grpc, message }) as const;

/** What a node of Memcached may come to. None leaves the store: it answers "not there" and counts. */
export const peerErrors = {
  PEER_TIMEOUT: entry(504, 4, 'the node did not answer in time'),
  PEER_UNREACHABLE: entry(503, 14, 'the node is not reachable'),
  PEER_PROTOCOL: entry(502, 13, 'the node answered what is no answer'),
  PEER_BUSY: entry(429, 8, 'too much waits for the node'),
  PEER_CLOSED: entry(500, 9, 'the connection to the node was closed by this process'),
} as const;

export type PeerErrorCode = keyof typeof peerErrors;
