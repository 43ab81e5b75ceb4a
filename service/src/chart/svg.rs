//! A picture as SVG. Texts are the viewer's to draw, in whatever script.

use std::fmt::Write;

use super::canvas::{Anchor, Canvas, Color, Shape};

/// The picture's text.
pub fn written(canvas: &Canvas) -> String {
    let (width, height) = canvas.size;
    let mut svg = String::with_capacity(64 * 1024);
    // Writing to a text cannot fail.
    let _ = write!(
        svg,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"DejaVu Sans,Verdana,Segoe UI,sans-serif\" role=\"img\"><title>{}</title>\n\
         <path fill=\"#fff\" d=\"M0 0h{width}v{height}H0z\"/>\n",
        escaped(&canvas.title)
    );
    for shape in &canvas.shapes {
        let _ = match shape {
            Shape::Rect {
                at: (x, y),
                size: (width, height),
                color,
                opacity,
            } => {
                let opacity = if *opacity < 1.0 {
                    format!(" fill-opacity=\"{opacity}\"")
                } else {
                    String::new()
                };
                writeln!(
                    svg,
                    "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" fill=\"{}\"{opacity}/>",
                    hex(*color)
                )
            }
            Shape::Line { points, width, color } => {
                let points: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
                writeln!(
                    svg,
                    "<polyline points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"/>",
                    points.join(" "),
                    hex(*color)
                )
            }
            Shape::Dashes {
                from: (x, y),
                length,
                color,
            } => writeln!(
                svg,
                "<path d=\"M{x:.1} {y:.1}h{length:.1}\" stroke=\"{}\" stroke-dasharray=\"4 4\"/>",
                hex(*color)
            ),
            Shape::Text {
                at: (x, y),
                size,
                anchor,
                color,
                text,
            } => {
                let anchor = match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                };
                writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{}\">{}</text>",
                    hex(*color),
                    escaped(text)
                )
            }
        };
    }
    svg.push_str("</svg>\n");
    svg
}

fn hex(Color(red, green, blue): Color) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
