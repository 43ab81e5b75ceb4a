//! A picture as PNG.

use super::canvas::{Anchor, Canvas, Color, Shape};
use super::text;

/// The picture's file.
///
/// # Errors
/// Says what could not be drawn.
pub fn png(canvas: &Canvas) -> Result<Vec<u8>, String> {
    let mut pixels = Pixels::new(canvas.size);
    for shape in &canvas.shapes {
        match shape {
            Shape::Rect {
                at,
                size,
                color,
                opacity,
            } => pixels.rect(*at, *size, *color, *opacity),
            Shape::Line { points, width, color } => pixels.line(points, *width, *color),
            Shape::Dashes {
                from: (x, y),
                length,
                color,
            } => {
                for dash in 0..(length / 8.0).ceil() as u32 {
                    let start = f64::from(dash) * 8.0;
                    pixels.rect(
                        (x + start, y - 0.5),
                        ((length - start).min(4.0), 1.0),
                        *color,
                        1.0,
                    );
                }
            }
            Shape::Text {
                at: (x, y),
                size,
                anchor,
                color,
                text,
            } => {
                let back = match anchor {
                    Anchor::Start => 0.0,
                    Anchor::Middle => text::width(text, *size)? / 2.0,
                    Anchor::End => text::width(text, *size)?,
                };
                text::drawn(text, *size, (x - back, *y), &mut |x, y, cover| {
                    pixels.blend(x, y, *color, cover)
                })?;
            }
        }
    }
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, canvas.size.0, canvas.size.1);
    encoder.set_color(png::ColorType::Rgb);
    let written = encoder
        .write_header()
        .and_then(|mut writer| writer.write_image_data(&pixels.bytes));
    written.map_err(|error| error.to_string())?;
    Ok(bytes)
}

struct Pixels {
    width: i64,
    height: i64,
    bytes: Vec<u8>,
}

impl Pixels {
    /// All white.
    fn new((width, height): (u32, u32)) -> Self {
        let bytes = vec![255; width as usize * height as usize * 3];
        Self {
            width: width.into(),
            height: height.into(),
            bytes,
        }
    }

    /// Puts a colour over so much of a pixel.
    fn blend(&mut self, x: i64, y: i64, Color(red, green, blue): Color, cover: f32) {
        if x < 0 || y < 0 || x >= self.width || y >= self.height || cover <= 0.0 {
            return;
        }
        let at = (y * self.width + x) as usize * 3;
        for (byte, color) in self.bytes[at..at + 3].iter_mut().zip([red, green, blue]) {
            let before = f32::from(*byte);
            *byte = (before + (f32::from(color) - before) * cover.min(1.0)).round() as u8;
        }
    }

    fn rect(&mut self, (left, top): (f64, f64), (width, height): (f64, f64), color: Color, opacity: f64) {
        let (right, bottom) = (left + width, top + height);
        let covered = |from: f64, to: f64, pixel: i64| {
            let pixel = pixel as f64;
            (to.min(pixel + 1.0) - from.max(pixel)).clamp(0.0, 1.0)
        };
        for y in top.floor() as i64..bottom.ceil() as i64 {
            for x in left.floor() as i64..right.ceil() as i64 {
                let cover = covered(left, right, x) * covered(top, bottom, y) * opacity;
                self.blend(x, y, color, cover as f32);
            }
        }
    }

    /// Each pixel is covered once, by the nearest part of the line, so that its joints are no darker than the rest.
    fn line(&mut self, points: &[(f64, f64)], width: f64, color: Color) {
        let mut cover = std::collections::HashMap::new();
        let reach = width / 2.0 + 1.0;
        for pair in points.windows(2) {
            let ((x1, y1), (x2, y2)) = (pair[0], pair[1]);
            let (dx, dy) = (x2 - x1, y2 - y1);
            let length = (dx * dx + dy * dy).max(f64::MIN_POSITIVE);
            for y in (y1.min(y2) - reach).floor() as i64..(y1.max(y2) + reach).ceil() as i64 {
                for x in (x1.min(x2) - reach).floor() as i64..(x1.max(x2) + reach).ceil() as i64 {
                    let (px, py) = (x as f64 + 0.5 - x1, y as f64 + 0.5 - y1);
                    let along = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
                    let distance = (px - along * dx).hypot(py - along * dy);
                    let covered = (width / 2.0 + 0.5 - distance).clamp(0.0, 1.0) as f32;
                    if covered > 0.0 {
                        let most = cover.entry((x, y)).or_insert(0.0_f32);
                        *most = most.max(covered);
                    }
                }
            }
        }
        for ((x, y), covered) in cover {
            self.blend(x, y, color, covered);
        }
    }
}
