// The same cached answer from the TypeScript SDK. Arguments: the directory of its packages, the port.
import { createServer } from 'node:http';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [packages, port] = process.argv.slice(2);
const require = createRequire(join(packages, 'package.json'));
const { McpServer } = require('@modelcontextprotocol/sdk/server/mcp.js');
const { StreamableHTTPServerTransport } = require('@modelcontextprotocol/sdk/server/streamableHttp.js');
const { z } = require('zod');

const price = { symbol: 'BTCUSDT', price: 92731.52, price_formatted: '$92,731.5200', market: '现货' };
const answer = { content: [{ type: 'text', text: JSON.stringify(price) }], structuredContent: price };
const output = { symbol: z.string(), price: z.number(), price_formatted: z.string(), market: z.string() };

createServer(async (request, response) => {
  const server = new McpServer({ name: 'peer', version: '1' });
  server.registerTool('get_spot_price', { inputSchema: { symbol: z.string() }, outputSchema: output }, async () => answer);
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined, enableJsonResponse: true });
  await server.connect(transport);
  await transport.handleRequest(request, response);
}).listen(Number(port), '127.0.0.1');
