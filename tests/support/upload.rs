//! What uploads are made of: multipart forms, pictures, and one that is more than it seems.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage};

/// What parts a form.
pub const BOUNDARY: &str = "----------------------------0123456789";

/// A form of parts: the head of each without its last line end, and what is in it.
pub fn form(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut form = Vec::new();
    for (head, bytes) in parts {
        form.extend_from_slice(format!("--{BOUNDARY}\r\n{head}\r\n\r\n").as_bytes());
        form.extend_from_slice(bytes);
        form.extend_from_slice(b"\r\n");
    }
    form.extend_from_slice(format!("--{BOUNDARY}--\r\n").as_bytes());
    form
}

/// A picture of many colours.
pub fn picture(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut picture = RgbImage::new(width, height);
    for (x, y, pixel) in picture.enumerate_pixels_mut() {
        *pixel = Rgb([(x / 3 % 200) as u8, (y / 5 % 200) as u8, 90]);
    }
    let mut bytes = Vec::new();
    DynamicImage::from(picture).write_to(&mut Cursor::new(&mut bytes), format).expect("a picture");
    bytes
}

/// A PNG of 50,000 by 50,000 pixels in a few bytes: ten gigabytes, once decoded.
pub fn bomb() -> Vec<u8> {
    let mut png = picture(1, 1, ImageFormat::Png);
    png.splice(16..24, [50_000u32.to_be_bytes(), 50_000u32.to_be_bytes()].concat());
    let sum = png[12..29].iter().fold(u32::MAX, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| if sum & 1 == 1 { (sum >> 1) ^ 0xedb8_8320 } else { sum >> 1 })
    });
    png.splice(29..33, (!sum).to_be_bytes());
    png
}
