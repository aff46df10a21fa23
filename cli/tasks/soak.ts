// `npm run soak [-- <filter> …]`: everything that waits or searches for too long for `npm test`.
process.env['GALA_SOAK'] = '1';
await import('./test.ts');
