// The TypeScript SDK, old (`sdk`) or new (`client`). Arguments: which, the directory of its packages, the URL.
import assert from 'node:assert';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [which, packages, url] = process.argv.slice(2);
const require = createRequire(join(packages, 'package.json'));
const { Client } = require(which === 'sdk' ? '@modelcontextprotocol/sdk/client/index.js' : '@modelcontextprotocol/client');
const { StreamableHTTPClientTransport } =
  require(which === 'sdk' ? '@modelcontextprotocol/sdk/client/streamableHttp.js' : '@modelcontextprotocol/client');

const client = new Client({ name: 'test', version: '1' });
await client.connect(new StreamableHTTPClientTransport(new URL(url)));
const { tools } = await client.listTools();
assert(tools.length >= 29);
// The client checks the answer against the tool's outputSchema by itself.
const answer = await client.callTool({ name: 'get_spot_price', arguments: { symbol: 'BTC' } });
assert.equal(answer.structuredContent.price, 92731.52);
const failed = await client.callTool({ name: 'get_spot_price', arguments: { symbol: 'BTTC' } });
assert(failed.isError && failed.content[0].text.includes('BTCUSDT'));
await client.close();
console.log(which, tools.length, 'tools');
