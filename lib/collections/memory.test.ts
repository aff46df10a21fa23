import { collectionsContract } from './contract.ts';

collectionsContract('memory', async () => ({
  config: { engine: 'memory' },
  [Symbol.asyncDispose]: async () => {},
}));
