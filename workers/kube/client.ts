export * from '../../activities/control/kube/client.ts';
