/** Codes of lib/config; the process that reads its settings prints them and ends. */
export const configErrors = {
  SETTINGS_INVALID: { http: 500, grpc: 9, message: 'the settings are not valid' },
} as const;
