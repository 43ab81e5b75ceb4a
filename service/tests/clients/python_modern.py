"""The Python SDK from version 2 on: the newest protocol. Arguments: URL, then the program for standard input."""
import asyncio
import sys

from mcp import Client, StdioServerParameters

WANTED = {"symbol": "BTCUSDT", "price": 92731.52, "price_formatted": "$92,731.5200", "market": "现货", "upstream": "recorded"}


async def use(server):
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
        assert len(tools) >= 29, len(tools)
        answer = await client.call_tool("get_spot_price", {"symbol": "BTC"})
        assert answer.structured_content == WANTED, answer
        failed = await client.call_tool("get_spot_price", {"symbol": "BTTC"})
        assert failed.is_error and "BTCUSDT" in failed.content[0].text, failed
        return client.protocol_version


url, program = sys.argv[1:]
stdio = StdioServerParameters(command=program, args=["--stdio", "--upstream", "recorded"])
print("http", asyncio.run(use(url)), "stdio", asyncio.run(use(stdio)))
