// The bundle as a client installs it: unpacked, started as its manifest says, asked for its tools. Arguments: the directory
// of the packages, the bundle, where to unpack it.
import assert from 'node:assert';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, bundle, folder] = process.argv.slice(2);
const require = createRequire(join(packages, 'package.json'));
const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { StdioClientTransport } = require('@modelcontextprotocol/sdk/client/stdio.js');

execFileSync(join(packages, 'node_modules/.bin/mcpb'), ['unpack', bundle, folder]);
const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json')));
const { command, args } = manifest.server.mcp_config;
const settings = Object.entries(manifest.server.mcp_config.env).map(([name, value]) => {
  const [, key] = value.match(/^\$\{user_config\.(.+)\}$/);
  return [name, manifest.user_config[key].default];
});
const client = new Client({ name: 'test', version: '1' });
await client.connect(new StdioClientTransport({
  command: command.replace('${__dirname}', folder), args: [...args, '--upstream', 'recorded'], env: Object.fromEntries(settings),
}));
const { tools } = await client.listTools();
assert.deepEqual(tools.map(({ name }) => name), manifest.tools.map(({ name }) => name));
const answer = await client.callTool({ name: 'get_spot_price', arguments: { symbol: 'BTC' } });
assert.equal(answer.structuredContent.price, 92731.52);
assert.equal(client.getServerVersion().version, manifest.version);
await client.close();
console.log(tools.length, 'tools of', manifest.name, manifest.version);
