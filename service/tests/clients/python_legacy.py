"""The Python SDK of version 1: sessions and `initialize`. Arguments: URL, then the program for standard input."""
import asyncio
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamablehttp_client

WANTED = {"symbol": "BTCUSDT", "price": 92731.52, "price_formatted": "$92,731.5200", "market": "现货", "upstream": "recorded"}


async def use(transport):
    async with transport as streams, ClientSession(streams[0], streams[1]) as session:
        version = (await session.initialize()).protocolVersion
        assert len((await session.list_tools()).tools) >= 29
        answer = await session.call_tool("get_spot_price", {"symbol": "BTC"})
        assert answer.structuredContent == WANTED, answer
        failed = await session.call_tool("get_spot_price", {"symbol": "BTTC"})
        assert failed.isError and "BTCUSDT" in failed.content[0].text, failed
        return version


url, program = sys.argv[1:]
stdio = stdio_client(StdioServerParameters(command=program, args=["--stdio", "--upstream", "recorded"]))
print("http", asyncio.run(use(streamablehttp_client(url))), "stdio", asyncio.run(use(stdio)))
