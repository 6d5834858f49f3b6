import { startOwnServer, type OwnServer } from './own-server.ts';

/** Events after which the server suggests continue-as-new; 4,096 elsewhere. */
const suggestAfter = 60;

/** A server of its own that suggests continue-as-new so early that every entity does it all the time. */
export function startShortHistoryServer(): Promise<OwnServer> {
  return startOwnServer('short-histories', [`limit.historyCount.suggestContinueAsNew=${suggestAfter}`]);
}
