//! Texts as pixels: DejaVu Sans where it has the letter, with kerning; else Unifont, which has all of the basic plane.

use std::io::Read;
use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, PxScale, ScaleFont};
use flate2::read::GzDecoder;

const LETTERS: &[u8] = include_bytes!("../../fonts/DejaVuSans-latin.ttf");
const OTHERS: &[u8] = include_bytes!("../../fonts/unifont.bin.gz");
/// Rows of a glyph of Unifont, and how many of them stand above the baseline.
const ROWS: usize = 16;
const ABOVE: f64 = 14.0;

/// How wide a text is.
///
/// # Errors
/// When the bundled fonts cannot be read.
pub fn width(text: &str, size: f64) -> Result<f64, String> {
    drawn(text, size, (0.0, 0.0), &mut |_, _, _| {})
}

/// Draws a text from this place on its baseline, by so much of each pixel; says how wide it is.
///
/// # Errors
/// When the bundled fonts cannot be read.
pub fn drawn(
    text: &str,
    size: f64,
    (left, baseline): (f64, f64),
    put: &mut dyn FnMut(i64, i64, f32),
) -> Result<f64, String> {
    let font = letters()?;
    // The size is an em's, as in SVG; the font's own measure is its height.
    let height = font.height_unscaled() / font.units_per_em().unwrap_or(2048.0);
    let scaled = font.as_scaled(PxScale::from(size as f32 * height));
    let mut at = left;
    let mut before = None;
    for character in text.chars() {
        let id = font.glyph_id(character);
        if id.0 == 0 {
            before = None;
            at += other(character, size, (at, baseline), put)?;
            continue;
        }
        if let Some(before) = before {
            at += f64::from(scaled.kern(before, id));
        }
        let place = ab_glyph::point(at as f32, baseline.round() as f32);
        if let Some(outline) = font.outline_glyph(id.with_scale_and_position(scaled.scale(), place)) {
            let corner = outline.px_bounds().min;
            let (x, y) = (corner.x as i64, corner.y as i64);
            outline.draw(|right, down, cover| put(x + i64::from(right), y + i64::from(down), cover.min(1.0)));
        }
        at += f64::from(scaled.h_advance(id));
        before = Some(id);
    }
    Ok(at - left)
}

fn letters() -> Result<&'static FontRef<'static>, String> {
    static FONT: OnceLock<Option<FontRef<'static>>> = OnceLock::new();
    FONT.get_or_init(|| FontRef::try_from_slice(LETTERS).ok())
        .as_ref()
        .ok_or_else(|| "the bundled font cannot be read".into())
}

/// Glyphs of Unifont: for each character where its rows begin and how many bytes wide it is.
struct Others {
    places: Vec<(u32, u8)>,
    rows: Vec<u8>,
}

fn others() -> Result<&'static Others, String> {
    static FONT: OnceLock<Option<Others>> = OnceLock::new();
    let read = || {
        let mut rows = Vec::new();
        GzDecoder::new(OTHERS).read_to_end(&mut rows).ok()?;
        let mut at = 0;
        let place = |width: &u8| {
            let place = (at, *width);
            at += u32::from(*width) * ROWS as u32;
            place
        };
        let places = rows.get(..65536)?.iter().map(place).collect();
        rows.drain(..65536);
        Some(Others { places, rows })
    };
    FONT.get_or_init(read)
        .as_ref()
        .ok_or_else(|| "the bundled glyphs cannot be read".into())
}

/// Draws a character that only Unifont has; what neither has is drawn as a box.
fn other(
    character: char,
    size: f64,
    (left, baseline): (f64, f64),
    put: &mut dyn FnMut(i64, i64, f32),
) -> Result<f64, String> {
    let others = others()?;
    let place = |code: u32| others.places.get(code as usize).filter(|(_, width)| *width > 0);
    let Some((start, width)) = place(character as u32).or_else(|| place(0x25a1)).copied() else {
        return Ok(size / 2.0);
    };
    let (start, width) = (start as usize, usize::from(width));
    let scale = (size * 1.1 / ROWS as f64).max(1.0);
    let is_set = |x: f64, y: f64| {
        let (x, y) = ((x / scale) as usize, (y / scale) as usize);
        let byte = others.rows.get(start + y * width + x / 8).copied().unwrap_or(0);
        y < ROWS && x < width * 8 && byte >> (7 - x % 8) & 1 == 1
    };
    let (wide, high) = (width as f64 * 8.0 * scale, ROWS as f64 * scale);
    let (x, y) = (left.round() as i64, (baseline - ABOVE * scale).round() as i64);
    for down in 0..high.ceil() as i64 {
        for right in 0..wide.ceil() as i64 {
            if is_set(right as f64 + 0.5, down as f64 + 0.5) {
                put(x + right, y + down, 1.0);
            }
        }
    }
    Ok(wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inked(text: &str) -> usize {
        let mut count = 0;
        let drawn = drawn(text, 18.0, (0.0, 30.0), &mut |_, _, cover| {
            count += usize::from(cover > 0.5)
        });
        assert!(drawn.is_ok_and(|width| width > 0.0), "{text}");
        count
    }

    #[test]
    fn letters_that_lean_stand_closer() {
        let apart = width("A", 18.0).expect("a font") + width("V", 18.0).expect("a font");
        let together = width("AV", 18.0).expect("a font");
        assert!(together < apart - 0.5, "{together} against {apart}");
    }

    #[test]
    fn names_of_every_script_are_drawn_and_told_apart() {
        let names = [
            "币安人生",
            "我踏马来了",
            "ビットコイン",
            "비트코인",
            "Биткоин",
            "بيتكوين",
            "बिटकॉइन",
            "₿itcoin",
        ];
        for name in names {
            assert!(inked(name) > 50, "{name}");
        }
        assert_ne!(inked("币"), inked("安"));
        assert!(inked("\u{10ffff}") > 5, "what is in no font is a box");
    }
}
