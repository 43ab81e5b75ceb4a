//! What a picture is made of, before it is SVG or pixels.

/// Red, green and blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color(pub u8, pub u8, pub u8);

/// Which part of a text its place is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

/// One thing to draw.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A filled rectangle: its corner and its size.
    Rect {
        at: (f64, f64),
        size: (f64, f64),
        color: Color,
        opacity: f64,
    },
    /// A line through points.
    Line {
        points: Vec<(f64, f64)>,
        width: f64,
        color: Color,
    },
    /// A level line of dashes.
    Dashes {
        from: (f64, f64),
        length: f64,
        color: Color,
    },
    /// A text on its baseline.
    Text {
        at: (f64, f64),
        size: f64,
        anchor: Anchor,
        color: Color,
        text: String,
    },
}

/// A picture.
#[derive(Debug)]
pub struct Canvas {
    /// Width and height in pixels.
    pub size: (u32, u32),
    /// For who cannot see it.
    pub title: String,
    /// From the back to the front.
    pub shapes: Vec<Shape>,
}

impl Canvas {
    /// A rectangle.
    pub fn rect(&mut self, at: (f64, f64), size: (f64, f64), color: Color, opacity: f64) {
        self.shapes.push(Shape::Rect {
            at,
            size,
            color,
            opacity,
        });
    }

    /// A line; of fewer than two points there is none.
    pub fn line(&mut self, points: Vec<(f64, f64)>, width: f64, color: Color) {
        if points.len() > 1 {
            self.shapes.push(Shape::Line { points, width, color });
        }
    }

    /// A text.
    pub fn text(&mut self, at: (f64, f64), size: f64, anchor: Anchor, color: Color, text: impl Into<String>) {
        let text = text.into();
        self.shapes.push(Shape::Text {
            at,
            size,
            anchor,
            color,
            text,
        });
    }
}
