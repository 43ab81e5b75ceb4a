"""Writes what could not be captured: spot, statistics of futures, CoinGecko (see README.md)."""
import json, random

HOUR = 3_600_000
END = 1791381600000  # the hour before futures/*.json were captured
SPOT = {"BTCUSDT": ("92731.52000000", 2), "ETHUSDT": ("3187.44000000", 2),
        "SOLUSDT": ("139.08000000", 2), "DOGEUSDT": ("0.15127000", 5), "ETHBTC": ("0.03437000", 5),
        "BTCJPY": ("14500000.00000000", 0), "SHIBUSDT": ("0.00000812", 8), "PEPEUSDT": ("0.00000437", 8)}
QUOTES = ("USDT", "JPY", "BUSD", "BTC")


def write(path, value):
    with open(path, "w") as file:
        if isinstance(value, list):
            rows = ",\n".join(json.dumps(row, ensure_ascii=False) for row in value)
            file.write(f"[\n{rows}\n]\n")
        else:
            file.write(json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def candles(seed, last, decimals, count=300):
    """A seeded walk that ends at `last`, in the shape of /klines."""
    walk = random.Random(seed)
    closes = [last]
    for _ in range(count):
        closes.append(closes[-1] / (1 + walk.gauss(0.0001, 0.005)))
    closes.reverse()
    rows = []
    for index in range(count):
        opened, closed = round(closes[index], decimals), round(closes[index + 1], decimals)
        high = round(max(opened, closed) * (1 + abs(walk.gauss(0, 0.002))), decimals)
        low = round(min(opened, closed) * (1 - abs(walk.gauss(0, 0.002))), decimals)
        volume = abs(walk.gauss(800, 250)) * 50_000 / last
        start = END - (count - 1 - index) * HOUR
        price = lambda value: f"{value:.8f}"
        rows.append([start, price(opened), price(high), price(low), price(closed), price(volume),
                     start + HOUR - 1, price(volume * closed), walk.randrange(20_000, 60_000),
                     price(volume * 0.51), price(volume * 0.51 * closed), "0"])
    return rows


spot = {symbol: candles(symbol, float(last), decimals) for symbol, (last, decimals) in SPOT.items()}
for symbol, rows in spot.items():
    write(f"spot/klines-{symbol}.json", rows)
write("futures/klines-BTCUSDT.json", candles("futures", 83117.70, 1))
write("spot/ticker_price.json", [{"symbol": s, "price": p} for s, (p, _) in SPOT.items()])
day = []
for symbol, rows in spot.items():
    rows, last = rows[-24:], float(SPOT[symbol][0])
    opened = float(rows[0][1])
    volume, quote = sum(float(r[5]) for r in rows), sum(float(r[7]) for r in rows)
    day.append({
        "symbol": symbol, "priceChange": f"{last - opened:.8f}",
        "priceChangePercent": f"{(last / opened - 1) * 100:.3f}", "weightedAvgPrice": f"{quote / volume:.8f}",
        "prevClosePrice": rows[0][1], "lastPrice": SPOT[symbol][0], "lastQty": "0.00100000",
        "bidPrice": SPOT[symbol][0], "bidQty": "1.00000000", "askPrice": SPOT[symbol][0], "askQty": "1.00000000",
        "openPrice": rows[0][1], "highPrice": max((r[2] for r in rows), key=float),
        "lowPrice": min((r[3] for r in rows), key=float), "volume": f"{volume:.8f}", "quoteVolume": f"{quote:.8f}",
        "openTime": rows[0][0], "closeTime": rows[-1][6], "firstId": 1, "lastId": 2, "count": sum(r[8] for r in rows)})
write("spot/ticker_24hr.json", day)
futures_day = json.load(open("futures/ticker_24hr.json"))
write("futures/ticker_price.json", [
    {"symbol": row["symbol"], "price": row["lastPrice"], "time": row["closeTime"]} for row in futures_day])
walk = random.Random("statistics")
times = [END - (29 - index) * HOUR for index in range(30)]
write("futures/open_interest_hist.json", [
    {"symbol": "BTCUSDT", "sumOpenInterest": f"{95000 + walk.gauss(0, 900):.8f}",
     "sumOpenInterestValue": f"{7.9e9 + walk.gauss(0, 8e7):.8f}", "CMCCirculatingSupply": "19940000.00000000",
     "timestamp": time} for time in times])
for name, middle in (("top_accounts", 1.9), ("top_positions", 1.4), ("global_accounts", 1.6)):
    rows = []
    for time in times:
        ratio = middle + walk.gauss(0, 0.05)
        rows.append({"symbol": "BTCUSDT", "longAccount": f"{ratio / (1 + ratio):.4f}",
                     "longShortRatio": f"{ratio:.4f}", "shortAccount": f"{1 / (1 + ratio):.4f}", "timestamp": time})
    write(f"futures/{name}.json", rows)
rows = []
for time in times:
    buy, sell = abs(walk.gauss(3000, 400)), abs(walk.gauss(3000, 400))
    rows.append({"buySellRatio": f"{buy / sell:.4f}", "buyVol": f"{buy:.4f}", "sellVol": f"{sell:.4f}", "timestamp": time})
write("futures/taker.json", rows)

COINS = [("bitcoin", "btc", "Bitcoin", 92731.0, 1, -1.84), ("ethereum", "eth", "Ethereum", 3187.44, 2, 0.92),
         ("solana", "sol", "Solana", 139.08, 6, 2.31), ("dogecoin", "doge", "Dogecoin", 0.15127, 9, -0.4)]
write("coingecko/price.json", {
    id: {"usd": price, "usd_market_cap": price * 2e7, "usd_24h_vol": price * 4e5, "usd_24h_change": change,
         "last_updated_at": END // 1000} for id, _, _, price, _, change in COINS})
write("coingecko/coins.json", {
    id: {"id": id, "symbol": symbol, "name": name, "market_cap_rank": rank, "categories": ["Smart Contract Platform"],
         "description": {"en": f"{name} is a cryptocurrency. This text stands for the longer one of the source."},
         "links": {"homepage": [f"https://{id}.org", ""]}, "genesis_date": "2009-01-03" if id == "bitcoin" else None,
         "market_data": {"current_price": {"usd": price}, "market_cap": {"usd": price * 2e7},
                         "total_volume": {"usd": price * 4e5}, "high_24h": {"usd": price * 1.02},
                         "low_24h": {"usd": price * 0.98}, "ath": {"usd": price * 1.4},
                         "ath_date": {"usd": "2025-10-06T18:57:42.558Z"}, "price_change_percentage_24h": change,
                         "price_change_percentage_7d": change * 2, "price_change_percentage_30d": change * 3,
                         "circulating_supply": 19940000.0, "total_supply": 19940000.0, "max_supply": None},
         "last_updated": "2026-10-07T14:00:00.000Z"} for id, symbol, name, price, rank, change in COINS})
listed = [{"id": id, "name": name, "api_symbol": id, "symbol": symbol.upper(), "market_cap_rank": rank,
           "thumb": "", "large": ""} for id, symbol, name, _, rank, _ in COINS]
write("coingecko/search.json", {"coins": listed, "exchanges": [], "icos": [], "categories": [], "nfts": []})
write("coingecko/trending.json", {
    "coins": [{"item": {"id": id, "coin_id": rank, "name": name, "symbol": symbol.upper(), "market_cap_rank": rank,
                        "slug": id, "price_btc": price / 92731, "score": index,
                        "data": {"price": price, "price_change_percentage_24h": {"usd": change}}}}
              for index, (id, symbol, name, price, rank, change) in enumerate(COINS)], "nfts": [], "categories": []})


def taken_apart(symbol):
    quote = next(quote for quote in QUOTES if symbol.endswith(quote))
    return symbol.removesuffix(quote), quote


def rules(symbol, decimals, status="TRADING", **more):
    base, quote = taken_apart(symbol.split("_")[0])
    step = f"{10 ** -decimals:.8f}"
    return {"symbol": symbol, "status": status, "baseAsset": base, "quoteAsset": quote,
            "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET", "STOP_LOSS_LIMIT", "TAKE_PROFIT_LIMIT"], **more,
            "filters": [{"filterType": "PRICE_FILTER", "minPrice": step, "maxPrice": "100000000.00000000", "tickSize": step},
                        {"filterType": "LOT_SIZE", "minQty": "0.00001000", "maxQty": "9000.00000000", "stepSize": "0.00001000"},
                        {"filterType": "ICEBERG_PARTS", "limit": 10}]}


listed = [rules(symbol, decimals) for symbol, (_, decimals) in SPOT.items()]
for row in listed:
    row["filters"].append({"filterType": "NOTIONAL", "minNotional": "5.00000000", "applyMinToMarket": True})
listed.append(rules("LUNABUSD", 4, "BREAK"))
write("spot/exchange_info.json", {"timezone": "UTC", "serverTime": END + HOUR, "rateLimits": [], "exchangeFilters": [],
                                  "symbols": listed})
contracts = []
for row in futures_day:
    date = row["symbol"].partition("_")[2]
    contract = rules(row["symbol"], 1, contractType="CURRENT_QUARTER" if date else "PERPETUAL", onboardDate=1569398400000,
                     deliveryDate=1798185600000 if date else 4133404800000)
    contract["filters"].append({"filterType": "MIN_NOTIONAL", "notional": "5"})
    contracts.append(contract)
write("futures/exchange_info.json", {"timezone": "UTC", "serverTime": END + HOUR, "symbols": contracts})


def book(seed, last, step):
    walk = random.Random(seed)
    side = lambda sign: [[f"{last + sign * step * (level + (sign > 0)):.8f}", f"{abs(walk.gauss(2, 1)):.8f}"]
                         for level in range(100)]
    return {"lastUpdateId": 1027024, "bids": side(-1), "asks": side(1)}


def trades(seed, last, step):
    walk = random.Random(seed)
    rows = []
    for index in range(200):
        price, amount = last + step * walk.randrange(-50, 50), abs(walk.gauss(0.02, 0.02)) + 0.00001
        rows.append({"id": 28457 + index, "price": f"{price:.8f}", "qty": f"{amount:.8f}", "quoteQty": f"{price * amount:.8f}",
                     "time": END + HOUR - (200 - index) * 137, "isBuyerMaker": walk.random() < 0.5, "isBestMatch": True})
    return rows


for folder, last in (("spot", 92731.52), ("futures", 83117.70)):
    write(f"{folder}/depth.json", {"BTCUSDT": book(f"{folder} book", last, 0.01 if folder == "spot" else 0.1)})
    write(f"{folder}/trades.json", {"BTCUSDT": trades(f"{folder} trades", last, 0.01 if folder == "spot" else 0.1)})

DAY = 24 * HOUR
walk = random.Random("history")
prices = [92731.0]
for _ in range(364):
    prices.append(prices[-1] / (1 + walk.gauss(0.001, 0.02)))
prices.reverse()
times = [END - (364 - index) * DAY for index in range(365)]
write("coingecko/market_chart.json", {"bitcoin": {
    "prices": [[time, price] for time, price in zip(times, prices)],
    "market_caps": [[time, price * 19940000.0] for time, price in zip(times, prices)],
    "total_volumes": [[time, price * 4e5 * abs(walk.gauss(1, 0.2))] for time, price in zip(times, prices)]}})
write("coingecko/global.json", {"data": {
    "active_cryptocurrencies": 18234, "upcoming_icos": 0, "ongoing_icos": 49, "ended_icos": 3376, "markets": 1412,
    "total_market_cap": {"usd": 3240812345678.9, "btc": 34948312.2}, "total_volume": {"usd": 142345678901.2},
    "market_cap_percentage": {"btc": 57.0512345, "eth": 11.8654321, "usdt": 5.41234567, "sol": 2.31234567},
    "market_cap_change_percentage_24h_usd": -1.2345678901234, "updated_at": (END + HOUR) // 1000}})
write("coingecko/categories.json", [
    {"id": id, "name": name, "market_cap": value, "market_cap_change_24h": change, "content": "",
     "top_3_coins_id": coins, "top_3_coins": [], "volume_24h": value / 20, "updated_at": "2026-10-07T14:00:00.000Z"}
    for id, name, value, change, coins in (
        ("layer-1", "Layer 1 (L1)", 2.6e12, -1.3, ["bitcoin", "ethereum", "solana"]),
        ("smart-contract-platform", "Smart Contract Platform", 7.1e11, 0.8, ["ethereum", "solana"]),
        ("meme-token", "Meme", 6.4e10, -0.5, ["dogecoin"]))])
write("coingecko/markets.json", [
    {"id": id, "symbol": symbol, "name": name, "image": "", "current_price": price, "market_cap": price * 2e7,
     "market_cap_rank": rank, "total_volume": price * 4e5, "high_24h": price * 1.02, "low_24h": price * 0.98,
     "price_change_24h": price * change / 100, "price_change_percentage_24h": change, "last_updated": "2026-10-07T14:00:00.000Z"}
    for id, symbol, name, price, rank, change in COINS])
