import { expect, test } from '@jest/globals';
import { ApiException } from '@kubernetes/client-node';
import type { Kube } from '../../../activities/control/kube/client.ts';
import { KubeObjects } from '../../../activities/control/kube/objects.ts';

/** An API server that answers so, whatever is asked. */
function answering(code: number, body: string): KubeObjects {
  const refuse = () => Promise.reject(new ApiException(code, 'Not Found', body, {}));
  return new KubeObjects({ objects: { getNamespacedCustomObject: refuse } } as unknown as Kube);
}

const object = { ref: { kind: 'Model', namespace: 'default', name: 'm' }, uid: 'u' };

test('an object whose kind is not served is not taken for one that is gone; what is deleted with its kind is let go', async () => {
  const unserved = answering(404, '404 page not found\n');
  await expect(unserved.adopt(object)).rejects.toBeInstanceOf(ApiException);
  await expect(unserved.release(object)).resolves.toBeUndefined();
  const gone = answering(404, '{"kind":"Status","reason":"NotFound"}');
  await expect(gone.adopt(object)).resolves.toEqual({ exists: false });
});
