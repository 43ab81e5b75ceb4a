"""The same cached answer from FastMCP. Argument: the port."""
import sys

from fastmcp import FastMCP

server = FastMCP("peer")


@server.tool
def get_spot_price(symbol: str) -> dict:
    return {"symbol": "BTCUSDT", "price": 92731.52, "price_formatted": "$92,731.5200", "market": "现货"}


server.run(transport="http", host="127.0.0.1", port=int(sys.argv[1]), path="/mcp", stateless_http=True,
           json_response=True, show_banner=False, uvicorn_config={"log_level": "error"})
