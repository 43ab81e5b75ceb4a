//! Answers that fit into what a model is given: the lists are cut, and the answer says so.

use serde_json::Value;

/// What the words about the cut, and about source and age, take.
const WORDS: usize = 400;

/// Cuts the answer's lists alike until its text has at most `room` characters. Rows of candles run from the oldest to
/// the newest and lose the oldest; all other lists begin with what matters most.
pub fn within(answer: &mut Value, room: usize) {
    let is_long =
        |name: &str, value: &Value| name != "columns" && value.as_array().is_some_and(|list| list.len() > 1);
    let Value::Object(members) = &*answer else {
        return;
    };
    // Nothing else is long, and writing an answer only to measure it costs.
    if !members.iter().any(|(name, value)| is_long(name, value)) {
        return;
    }
    let length = characters(answer);
    let room = room.saturating_sub(WORDS);
    let Value::Object(members) = answer else { return };
    if length <= room {
        return;
    }
    let oldest_first = members.contains_key("columns");
    let lists: usize = members
        .iter()
        .filter(|(name, value)| is_long(name, value))
        .map(|(_, value)| characters(value))
        .sum();
    let room_for_lists = room.saturating_sub(length - lists);
    let (mut shown, mut total) = (0, 0);
    for (name, value) in members.iter_mut() {
        if !is_long(name, value) {
            continue;
        }
        let Value::Array(list) = value else { continue };
        let kept = (list.len() * room_for_lists / lists).max(1);
        total += list.len();
        shown += kept;
        if oldest_first {
            list.drain(..list.len() - kept);
        } else {
            list.truncate(kept);
        }
    }
    if members.contains_key("count") {
        members.insert("count".into(), shown.into());
    }
    let which = if oldest_first { "the newest " } else { "" };
    let how = if oldest_first {
        "ask with end_time for what came before"
    } else {
        "narrow the question for the rest"
    };
    let cut = format!("{which}{shown} of {total} are shown, to keep the answer short; {how}");
    members.insert("cut".into(), cut.into());
}

fn characters(value: &Value) -> usize {
    value.to_string().chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_long_answer_is_cut_at_the_end_that_matters_less_and_says_so() {
        let rows: Vec<Value> = (0..1000).map(|time| json!([time, 92731.52])).collect();
        let mut candles = json!({ "count": 1000, "columns": ["time", "close"], "rows": rows });
        within(&mut candles, 5000);
        assert!(characters(&candles) <= 5000);
        let kept = candles["rows"].as_array().expect("rows");
        assert_eq!(kept.last(), Some(&json!([999, 92731.52])));
        assert_eq!(candles["count"], kept.len());
        assert!(
            candles["cut"]
                .as_str()
                .is_some_and(|cut| cut.contains("of 1000 are shown"))
        );
        let coins: Vec<Value> = (0..1000).map(|rank| json!({ "rank": rank })).collect();
        let mut list = json!({ "coins": coins, "source": "CoinGecko" });
        within(&mut list, 3000);
        assert!(characters(&list) <= 3000 && list["coins"][0]["rank"] == 0);
        let mut short = json!({ "coins": [1, 2, 3] });
        within(&mut short, 3000);
        assert_eq!(short, json!({ "coins": [1, 2, 3] }));
    }
}
