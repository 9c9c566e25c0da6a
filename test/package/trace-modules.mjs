/** Preloaded into a process under test: writes the URL of every module it loads to the file MODULE_TRACE. */
import { appendFileSync } from 'node:fs';
import { registerHooks } from 'node:module';

registerHooks({
  load(url, context, nextLoad) {
    appendFileSync(process.env.MODULE_TRACE, `${url}\n`);
    return nextLoad(url, context);
  },
});
