export { WebSocketConnection, type WebSocketHandler } from './connection.ts';
export { encodeDeflatedFrame } from './deflate.ts';
export { WebSocketEndpoint, type WebSocketLimits } from './endpoint.ts';
export { closeCodes, websocketErrors } from './errors.ts';
export { encodeFrame, frameHeadroom, opcodes, writeFrameHeader, type Opcode } from './frame.ts';
export { acceptWebSocket, refuseUpgrade, type Accepted, type AcceptOptions } from './handshake.ts';
