// Fills in what the program and the bundle say of themselves.
//   manifest PROGRAM        the bundle's manifest with the program's version and tools
//   server BUNDLE [URL]     the registry's entry, with the bundle when it will be at an address
//   validate PACKAGES FILE  whether a file is what the registry takes
import assert from 'node:assert';
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const read = (name) => JSON.parse(readFileSync(new URL(name, import.meta.url)));
const [what, first, second] = process.argv.slice(2);

function manifest(program) {
  const version = execFileSync(program, ['--version'], { encoding: 'utf8' }).trim().split(' ')[1];
  const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'bundle', version } };
  const messages = [
    { jsonrpc: '2.0', id: 1, method: 'initialize', params },
    { jsonrpc: '2.0', method: 'notifications/initialized' },
    { jsonrpc: '2.0', id: 2, method: 'tools/list' },
  ];
  const input = messages.map((message) => `${JSON.stringify(message)}\n`).join('');
  const said = spawnSync(program, ['--stdio', '--upstream', 'recorded'], { input, encoding: 'utf8' });
  const answers = said.stdout.trim().split('\n').map((line) => JSON.parse(line));
  const { tools } = answers.find(({ id }) => id === 2).result;
  const filled = read('manifest.json');
  filled.version = version;
  filled.tools = tools.map(({ name, description }) => ({ name, description }));
  return filled;
}

function server(bundle, url) {
  const filled = read('server.json');
  if (url) {
    const fileSha256 = createHash('sha256').update(readFileSync(bundle)).digest('hex');
    filled.packages = [{
      registryType: 'mcpb', identifier: url, version: filled.version, fileSha256, transport: { type: 'stdio' },
    }];
  }
  return filled;
}

function validate(packages, file) {
  const require = createRequire(join(packages, 'package.json'));
  const ajv = new (require('ajv').default)({ strict: false, allErrors: true });
  require('ajv-formats').default(ajv);
  const valid = ajv.compile(read('server.schema.json'));
  assert(valid(JSON.parse(readFileSync(file))), JSON.stringify(valid.errors, null, 2));
}

if (what === 'validate') {
  validate(first, second);
} else {
  console.log(JSON.stringify(what === 'manifest' ? manifest(first) : server(first, second), null, 2));
}
