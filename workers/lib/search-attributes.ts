import proto from '@temporalio/proto';
import { searchAttributes } from '../../workflows/lib/messages.ts';
import { logger } from './log.ts';
import type { TemporalConnections } from './temporal.ts';

const keyword = proto.temporal.api.enums.v1.IndexedValueType.INDEXED_VALUE_TYPE_KEYWORD;

/** Workflows start only if their search attributes exist, so they are made here; a server that forbids it must have them already. */
export async function registerSearchAttributes({ client, namespace }: TemporalConnections): Promise<void> {
  const { operatorService } = client.connection;
  const { customAttributes } = await operatorService.listSearchAttributes({ namespace });
  const missing = Object.values(searchAttributes).filter((name) => customAttributes?.[name] === undefined);
  if (missing.length === 0) return;
  try {
    const wanted = Object.fromEntries(missing.map((name) => [name, keyword]));
    await operatorService.addSearchAttributes({ namespace, searchAttributes: wanted });
  } catch (error) {
    const command = missing.map((name) => `--name ${name} --type Keyword`).join(' ');
    logger.error(
      { error: String(error) },
      `create the search attributes: temporal operator search-attribute create ${command}`,
    );
    throw error;
  }
}
