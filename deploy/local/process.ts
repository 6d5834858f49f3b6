export * from '../../workers/lib/process.ts';
