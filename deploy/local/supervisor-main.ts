import { superviseHere } from './attend.ts';
import { self } from '../../workers/lib/process.ts';
import { readStackState, writeStackState } from './state.ts';

/** The supervisor of `sedna up --detach`, a process of its own: looks after the stack of the working directory. */
const cwd = process.cwd();
const state = readStackState(cwd);
if (!state) throw new Error(`no stack in ${cwd}`);
const say = (line: string): void => console.log(`${new Date().toISOString()} ${line}`);

state.supervisor = self();
writeStackState(cwd, state);
say(`supervising ${state.components.map(({ name }) => name).join(', ')}`);
say(await superviseHere({ cwd, state }, say));
