import { expect, test } from '@jest/globals';
import { servingPorts } from '../../../../activities/edge/lib/serving-ports.ts';

const container = (image: string, ports?: { containerPort: number; name?: string }[]) => ({
  image,
  ...(ports && { ports }),
});

test('the port that speaks HTTP: by its name, else the first that is not gRPC', () => {
  const both = [
    { containerPort: 9000, name: 'grpc' },
    { containerPort: 8000, name: 'http-api' },
  ];
  expect(servingPorts(container('any', both), false)).toMatchObject({
    http: 'http-api',
    readiness: { port: 'http-api' },
  });
  expect(servingPorts(container('any', [{ containerPort: 5000 }]), false)).toEqual({
    ports: [{ name: '5000', containerPort: 5000 }],
    http: '5000',
    readiness: { port: '5000' },
  });
});

test('without ports: nothing to reach, unless it must listen or is one of ours', () => {
  expect(servingPorts(container('any'), false)).toEqual({ ports: [] });
  expect(servingPorts(container('any'), true)).toMatchObject({ http: 'http', readiness: { port: 'http' } });
  expect(servingPorts(container('sedna/joint-inference:v1'), false)).toMatchObject({
    http: 'http',
    readiness: { port: 'http', path: '/v2/health/ready' },
  });
});
