//! Thumbnails of images, as far as a stranger's image can be decoded without harm.
//!
//! What a file is, its first bytes decide, never what it is said to be. The size it would have once decoded is looked at
//! before anything of that size is allocated, and no more images are decoded at once than there are processors.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Seek, SeekFrom};
use std::sync::{Arc, LazyLock};
use std::time::Instant;

use bytes::Bytes;
use image::codecs::jpeg::JpegEncoder;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};
use tokio::sync::Semaphore;

/// Longest side of a thumbnail, in pixels.
const SIDE: u32 = 128;
/// Quality of a JPEG thumbnail, in percent.
const QUALITY: u8 = 80;
/// Bytes that a pixel takes at most, decoded: four channels of 16 bits.
const PIXEL: u64 = 8;
/// What a decoder may take beside the picture itself, in bytes.
const WORKSPACE: u64 = 16 << 20;

/// One decoder for each processor, in the whole process.
static DECODERS: LazyLock<Arc<Semaphore>> = LazyLock::new(|| {
    let processors = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    Arc::new(Semaphore::new(processors))
});

/// An image in one of the formats that are decoded: PNG, JPEG, GIF (its first picture), WebP.
#[derive(Debug)]
pub struct Image {
    /// Which.
    pub format: Format,
    /// The same at most 128 pixels wide and high, upright, with its proportions.
    pub thumbnail: Thumbnail,
}

/// A format that is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The media type.
    pub content_type: &'static str,
    /// The usual ending of a name.
    pub ending: &'static str,
}

/// A small picture: PNG where it has transparent parts, else JPEG.
#[derive(Debug)]
pub struct Thumbnail {
    /// Its media type.
    pub content_type: &'static str,
    /// The usual ending of its name.
    pub ending: &'static str,
    /// The file.
    pub bytes: Bytes,
}

/// Why there is no thumbnail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Its first bytes are those of no format that is decoded.
    #[error("it is no PNG, JPEG, GIF or WebP image")]
    Unknown,
    /// By its head it is an image, of more pixels than may be decoded; whether the rest is one nobody has looked.
    #[error("the image has {pixels} pixels, at most {most} are decoded")]
    TooLarge {
        /// Which, by its head.
        format: Format,
        /// Those that it has.
        pixels: u64,
        /// Those that may be decoded.
        most: u64,
    },
    /// It cannot be decoded.
    #[error("the image cannot be decoded: {0}")]
    Broken(String),
    /// Too many images were waiting for a decoder, or it cannot be read.
    #[error("the image could not be looked at: {0}")]
    Failed(String),
}

/// The formats that are decoded, with media type and ending.
const FORMATS: [(ImageFormat, &str, &str); 4] = [
    (ImageFormat::Png, "image/png", "png"),
    (ImageFormat::Jpeg, "image/jpeg", "jpg"),
    (ImageFormat::Gif, "image/gif", "gif"),
    (ImageFormat::WebP, "image/webp", "webp"),
];

/// True for the media types of the formats that are decoded.
pub fn is_decoded(content_type: &str) -> bool {
    FORMATS.iter().any(|(_, known, _)| known.eq_ignore_ascii_case(content_type))
}

/// Looks at a file of any kind, and makes the thumbnail when it is an image of at most `pixels` pixels.
///
/// # Errors
/// [`ImageError`].
pub async fn look(file: &File, pixels: u64, deadline: Instant) -> Result<Image, ImageError> {
    let failed = |error: &dyn std::fmt::Display| ImageError::Failed(error.to_string());
    let file = file.try_clone().map_err(|error| failed(&error))?;
    let decoder = tokio::time::timeout_at(deadline.into(), Arc::clone(&DECODERS).acquire_owned()).await;
    let decoder = decoder.map_err(|_| failed(&"too many images at once"))?.map_err(|error| failed(&error))?;
    let work = tokio::task::spawn_blocking(move || {
        // Held by the work itself, which goes on when nobody waits for it any more.
        let _decoder = decoder;
        let mut file = BufReader::new(file);
        file.seek(SeekFrom::Start(0)).map_err(|error| ImageError::Failed(error.to_string()))?;
        decode(file, pixels)
    });
    match tokio::time::timeout_at(deadline.into(), work).await {
        Ok(Ok(image)) => image,
        Ok(Err(error)) => Err(ImageError::Broken(error.to_string())),
        Err(_) => Err(ImageError::Broken("it takes too long".into())),
    }
}

fn decode(source: impl BufRead + Seek, pixels: u64) -> Result<Image, ImageError> {
    let broken = |error: image::ImageError| ImageError::Broken(error.to_string());
    let reader =
        ImageReader::new(source).with_guessed_format().map_err(|error| ImageError::Failed(error.to_string()))?;
    let known = FORMATS.into_iter().find(|(format, ..)| reader.format() == Some(*format));
    let (_, content_type, ending) = known.ok_or(ImageError::Unknown)?;
    let format = Format { content_type, ending };

    let mut reader = reader;
    let mut limits = Limits::default();
    limits.max_alloc = Some(pixels.saturating_mul(PIXEL).saturating_add(WORKSPACE));
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let size = u64::from(width) * u64::from(height);
    if size > pixels {
        return Err(ImageError::TooLarge { format, pixels: size, most: pixels });
    }
    // A picture whose Exif data is damaged is shown as it lies.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(broken)?;
    Ok(Image { format, thumbnail: thumbnail(picture, orientation).map_err(broken)? })
}

fn thumbnail(picture: DynamicImage, orientation: Orientation) -> image::ImageResult<Thumbnail> {
    let fits = picture.width() <= SIDE && picture.height() <= SIDE;
    let mut small = if fits { picture } else { picture.thumbnail(SIDE, SIDE) };
    small.apply_orientation(orientation);
    let small = small.into_rgba8();
    let mut bytes = Vec::new();
    let (content_type, ending) = if small.pixels().any(|pixel| pixel.0[3] < u8::MAX) {
        small.write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png)?;
        ("image/png", "png")
    } else {
        let opaque = DynamicImage::from(small).into_rgb8();
        opaque.write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, QUALITY))?;
        ("image/jpeg", "jpg")
    };
    Ok(Thumbnail { content_type, ending, bytes: bytes.into() })
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    /// Few, since decoders that are not optimised are slow.
    const PIXELS: u64 = 250_000;

    fn encoded(picture: DynamicImage, format: ImageFormat) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture.write_to(&mut Cursor::new(&mut bytes), format).unwrap();
        bytes
    }

    fn looked(bytes: &[u8]) -> Result<(Image, DynamicImage), ImageError> {
        let image = decode(Cursor::new(bytes), PIXELS)?;
        let small = image::load_from_memory(&image.thumbnail.bytes).unwrap();
        Ok((image, small))
    }

    #[test]
    fn thumbnails_keep_proportions_and_transparency() {
        let plain = |width, height| DynamicImage::from(RgbImage::from_pixel(width, height, Rgb([200, 30, 30])));
        for (format, content_type, _) in FORMATS {
            let (image, small) = looked(&encoded(plain(320, 160), format)).unwrap();
            assert_eq!((image.format.content_type, image.thumbnail.content_type), (content_type, "image/jpeg"));
            assert_eq!((small.width(), small.height()), (128, 64), "{content_type}");
            let pixel = small.to_rgb8().get_pixel(60, 30).0;
            assert!(pixel[0] > 180 && pixel[1] < 60, "{content_type} {pixel:?}");
        }
        for ((width, height), expected) in
            [((20, 10), (20, 10)), ((128, 128), (128, 128)), ((1, 5000), (1, 128)), ((300, 400), (96, 128))]
        {
            let (_, small) = looked(&encoded(plain(width, height), ImageFormat::Png)).unwrap();
            assert_eq!((small.width(), small.height()), expected);
        }
        let glass = DynamicImage::from(RgbaImage::from_pixel(300, 300, Rgba([0, 0, 0, 0])));
        let (image, small) = looked(&encoded(glass, ImageFormat::Png)).unwrap();
        assert_eq!((image.thumbnail.content_type, small.to_rgba8().get_pixel(5, 5).0[3]), ("image/png", 0));
    }

    #[test]
    fn a_photo_that_was_held_sideways_is_upright() {
        let jpeg = encoded(DynamicImage::from(RgbImage::new(400, 200)), ImageFormat::Jpeg);
        // One Exif directory with one entry: Orientation, SHORT, 6 (to be turned right by 90 degrees).
        let exif = b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0";
        let length = u16::try_from(exif.len() + 2).unwrap().to_be_bytes();
        let turned = [&jpeg[..2], &[0xff, 0xe1], &length, exif, &jpeg[2..]].concat();
        let (_, small) = looked(&turned).unwrap();
        assert_eq!((small.width(), small.height()), (64, 128));
    }

    #[test]
    fn what_is_no_image_or_too_much_of_one_is_refused() {
        for other in [&b""[..], b"text", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"BM\0\0\0\0\0\0\0\0", b"II*\0"]
        {
            assert_eq!(looked(other).unwrap_err(), ImageError::Unknown);
        }
        for (format, content_type, ending) in FORMATS {
            let large = encoded(DynamicImage::from(RgbImage::new(501, 500)), format);
            let named = Format { content_type, ending };
            let too_large = ImageError::TooLarge { format: named, pixels: 250_500, most: PIXELS };
            assert_eq!(looked(&large).unwrap_err(), too_large);
            let cut = &large[..20];
            assert!(matches!(looked(cut), Err(ImageError::Broken(_))), "{format:?}");
        }
    }
}
