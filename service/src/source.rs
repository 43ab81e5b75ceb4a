//! The sources that answers come from.

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Source {
    /// Binance spot.
    Spot,
    /// Binance USDⓈ-M futures.
    Futures,
    /// CoinGecko.
    CoinGecko,
}

impl Source {
    /// Every source, in the order of their discriminants.
    pub const ALL: [Self; 3] = [Self::Spot, Self::Futures, Self::CoinGecko];

    /// The name for people and models.
    pub fn title(self) -> &'static str {
        match self {
            Self::Spot => "Binance spot",
            Self::Futures => "Binance futures",
            Self::CoinGecko => "CoinGecko",
        }
    }

    /// The name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Spot => "spot",
            Self::Futures => "futures",
            Self::CoinGecko => "coingecko",
        }
    }

    /// The setting that says where it is asked.
    pub fn setting(self) -> &'static str {
        match self {
            Self::Spot => "BINANCE_BASE_URL",
            Self::Futures => "BINANCE_FUTURES_BASE_URL",
            Self::CoinGecko => "COINGECKO_BASE_URL",
        }
    }
}
