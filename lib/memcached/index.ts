export { openPeers, type OpenPeersOptions, type PeerClusterConfig } from './open.ts';
