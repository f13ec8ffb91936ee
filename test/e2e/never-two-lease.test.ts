/** Never two, with the lock in a Lease of the cluster itself. */
import { describeNeverTwo } from './never-two.ts';

describeNeverTwo('Lease', async () => ({ config: { storageType: 'lease' }, stop: async () => {} }));
