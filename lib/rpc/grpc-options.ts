import { logVerbosity, setLogVerbosity, type ChannelOptions } from '@grpc/grpc-js';
import { messageBytesMax } from './message.ts';

// Its errors reach us as errors; it would print them to stderr beside our log lines.
setLogVerbosity(logVerbosity.NONE);

/** Both sides of a connection. */
export const channelOptions: ChannelOptions = {
  // The default of 64 KiB makes streams three times slower.
  'grpc-node.flow_control_window': 4 << 20,
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_send_message_length': messageBytesMax,
  'grpc.enable_channelz': 0,
};

/** Of callers: a peer that vanished without a word is noticed after 7 s, one that answers no connect at once. */
export const clientOptions: ChannelOptions = {
  ...channelOptions,
  'grpc.keepalive_time_ms': 5000,
  'grpc.keepalive_timeout_ms': 2000,
  'grpc.initial_reconnect_backoff_ms': 50,
  'grpc.max_reconnect_backoff_ms': 1000,
  'grpc.enable_retries': 0,
  // Members are reached directly, whatever `http_proxy` says.
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
};

/** Of callees: whoever does not speak HTTP/2, or is gone without a word, answers no ping and is dropped after 10 s. */
export const serverOptions: ChannelOptions = {
  ...channelOptions,
  'grpc.keepalive_time_ms': 5000,
  'grpc.keepalive_timeout_ms': 5000,
};

/** Messages are encoded and decoded by us, outside of gRPC. */
export function identity(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
