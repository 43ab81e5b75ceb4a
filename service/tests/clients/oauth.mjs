// A client that gets its token itself, from a real authorization server: it finds out from the service's refusal who gives
// one. Arguments: the directory of its packages, the program.
import assert from 'node:assert';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [packages, program] = process.argv.slice(2);
const require = createRequire(join(packages, 'package.json'));
const { Client } = require('@modelcontextprotocol/sdk/client/index.js');
const { StreamableHTTPClientTransport } = require('@modelcontextprotocol/sdk/client/streamableHttp.js');
const { ClientCredentialsProvider } = require('@modelcontextprotocol/sdk/client/auth-extensions.js');
const { default: Provider } = await import(pathToFileURL(require.resolve('oidc-provider')));

const free = async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  await new Promise((closed) => { server.close(closed); });
  return port;
};

const [issuerPort, port] = [await free(), await free()];
const [issuer, base] = [`http://127.0.0.1:${issuerPort}`, `http://127.0.0.1:${port}`];
let scope = 'read:prices';
const provider = new Provider(issuer, {
  scopes: ['read:prices'],
  clients: [{
    client_id: 'team', client_secret: 'a secret of the test', grant_types: ['client_credentials'], redirect_uris: [], response_types: [],
  }],
  features: {
    devInteractions: { enabled: false },
    clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: (_, resource) => ({ scope, audience: resource, accessTokenTTL: 600, accessTokenFormat: 'jwt', jwt: { sign: { alg: 'RS256' } } }),
      useGrantedResource: () => true,
    },
  },
});
const serving = provider.listen(issuerPort, '127.0.0.1');

const settings = { PORT: port, UPSTREAM: 'recorded', PUBLIC_URL: `${base}/mcp`, OAUTH_ISSUER: issuer, OAUTH_SCOPES: 'read:prices' };
const service = spawn(program, { env: settings, stdio: ['ignore', 'pipe', 'inherit'] });
try {
  await once(service.stdout, 'data');
  service.stdout.resume();
  for (const url of [`${base}/mcp`, base]) {
    const client = new Client({ name: 'test', version: '1' });
    const authProvider = new ClientCredentialsProvider({ clientId: 'team', clientSecret: 'a secret of the test', scope: 'read:prices' });
    await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider }));
    const answer = await client.callTool({ name: 'get_spot_price', arguments: { symbol: 'BTC' } });
    assert.equal(answer.structuredContent.price, 92731.52, url);
    await client.close();
    const { access_token: token } = authProvider.tokens();
    const route = await fetch(`${base}/binance/spot/price?symbol=BTC`, { headers: { authorization: `Bearer ${token}` } });
    assert.equal(route.status, 200);
    const spoilt = `${token.slice(0, -6)}AAAAAA`;
    const refused = await fetch(`${base}/mcp`, { method: 'POST', headers: { authorization: `Bearer ${spoilt}` } });
    assert.equal(refused.status, 401);
    assert.match(refused.headers.get('www-authenticate'), /error="invalid_token"/);
  }
  // A token for somebody else does not let in, and one without the scope is told which it lacks.
  const token = async (body) => {
    const answer = await fetch(`${issuer}/token`, {
      method: 'POST',
      headers: { authorization: `Basic ${btoa(`team:${encodeURIComponent('a secret of the test')}`)}` },
      body: new URLSearchParams({ grant_type: 'client_credentials', ...body }),
    });
    return (await answer.json()).access_token;
  };
  const status = async (bearer) => {
    const answer = await fetch(`${base}/binance/spot/price?symbol=BTC`, { headers: { authorization: `Bearer ${bearer}` } });
    return [answer.status, answer.headers.get('www-authenticate')];
  };
  const [elsewhere] = await status(await token({ resource: 'https://other.example.com', scope: 'read:prices' }));
  assert.equal(elsewhere, 401);
  const [unscoped, challenge] = await status(await token({ resource: `${base}/mcp` }));
  assert.equal(unscoped, 403);
  assert.match(challenge, /error="insufficient_scope", scope="read:prices"/);
  console.log('a token for', base, 'from', issuer);
} finally {
  service.kill();
  serving.close();
  serving.closeAllConnections();
}
