//! Small pictures of pictures: made when first asked for, kept beside the file.

use std::fs::File;
use std::io::{BufReader, Cursor};
use std::path::{Path, PathBuf};

use base::error::chain;
use image::imageops::FilterType;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::files::{Found, kind};
use crate::service::Inner;
use web::Problem;

/// The size that may be asked of every picture.
const SIZE_DEFAULT: &str = "100x100";
/// Longest side of a small picture, in pixels.
const SIDE_MAX: u32 = 4096;
/// Bytes of memory for one pixel while a picture is read: twice what it holds.
const BYTES_PER_PIXEL: u64 = 8;

/// A size as it is asked for: `100x100`, `0x50`, `100x50t`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Size {
    width: u32,
    height: u32,
    fit: Fit,
}

/// How a picture comes into its frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fit {
    /// It fills the frame; what stands over is cut off on both sides.
    Centre,
    /// … at the bottom.
    Top,
    /// … at the top.
    Bottom,
    /// It is whole and inside the frame.
    Inside,
}

/// Where the small picture of a file lies, and its size; made when it is not there yet. `None` where the file itself is to be
/// sent: the size is not one of the field's, the file is no picture, or one too large or broken.
pub(super) async fn path(
    service: &Inner,
    found: &Found,
    original: &Path,
    size: &str,
) -> Result<Option<(PathBuf, String)>, Problem> {
    let is_offered = size == SIZE_DEFAULT || found.options.thumbs.iter().any(|offered| offered == size);
    let Some(wanted) = Size::parse(size).filter(|_| is_offered) else { return Ok(None) };
    let files = service.records.store().files();
    let (table, record, name) = (found.collection.table(), found.record.as_str(), found.name.as_str());
    let made = || files.find_made(table.as_str(), record, name, size);
    if let Some(path) = made().await? {
        return Ok(Some((path, size.to_owned())));
    }
    let place = tokio::time::timeout(service.config.thumb_wait_max.0, service.thumbs.acquire());
    let Ok(Ok(_place)) = place.await else { return Ok(None) };
    if let Some(path) = made().await? {
        return Ok(Some((path, size.to_owned())));
    }
    let (source, pixels_max) = (original.to_owned(), service.config.thumb_pixels_max);
    let making = tokio::task::spawn_blocking(move || make(&source, wanted, pixels_max));
    let bytes = match making.await {
        Ok(Ok(Some(bytes))) => bytes,
        Ok(Ok(None)) => return Ok(None),
        Ok(Err(error)) => {
            tracing::debug!(file = found.name, cause = chain(&error), "no small picture could be made");
            return Ok(None);
        }
        Err(error) => {
            tracing::warn!(
                file = found.name,
                cause = chain(&error),
                "the making of a small picture broke off"
            );
            return Ok(None);
        }
    };
    let mut file = files.begin().await?;
    file.write(&bytes).await?;
    files.keep_made(file, table.as_str(), record, name, size).await?;
    Ok(made().await?.map(|path| (path, size.to_owned())))
}

impl Size {
    fn parse(text: &str) -> Option<Size> {
        let (text, fit) = match text.as_bytes().last()? {
            b't' => (&text[..text.len() - 1], Fit::Top),
            b'b' => (&text[..text.len() - 1], Fit::Bottom),
            b'f' => (&text[..text.len() - 1], Fit::Inside),
            _ => (text, Fit::Centre),
        };
        let (width, height) = text.split_once('x')?;
        let (width, height) = (width.parse().ok()?, height.parse().ok()?);
        let is_fine = width <= SIDE_MAX && height <= SIDE_MAX && (width > 0 || height > 0);
        is_fine.then_some(Size { width, height, fit })
    }
}

/// The small picture's bytes; `None` for a file that is no picture or one with too many pixels.
fn make(path: &Path, size: Size, pixels_max: u64) -> image::ImageResult<Option<Vec<u8>>> {
    // by its bytes alone, not by its name
    let reader = || ImageReader::new(BufReader::new(File::open(path)?)).with_guessed_format();
    let mut source = reader()?;
    let Some(format) = source.format().filter(|f| kind::is_picture(f.to_mime_type())) else {
        return Ok(None);
    };
    let (width, height) = reader()?.into_dimensions()?;
    if u64::from(width) * u64::from(height) > pixels_max {
        return Ok(None);
    }
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(pixels_max.saturating_mul(BYTES_PER_PIXEL));
    source.limits(limits);
    let mut decoder = source.into_decoder()?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    let small = shrink(&picture, size);
    let mut bytes = Cursor::new(Vec::new());
    match format {
        ImageFormat::Jpeg => DynamicImage::from(small.into_rgb8()).write_to(&mut bytes, ImageFormat::Jpeg)?,
        ImageFormat::Gif => DynamicImage::from(small.into_rgba8()).write_to(&mut bytes, ImageFormat::Gif)?,
        _ => small.write_to(&mut bytes, ImageFormat::Png)?,
    }
    Ok(Some(bytes.into_inner()))
}

fn shrink(picture: &DynamicImage, size: Size) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    let (new_width, new_height) = scaled(width, height, size);
    let fills = size.width > 0 && size.height > 0 && size.fit != Fit::Inside;
    if !fills {
        return picture.resize_exact(new_width.min(SIDE_MAX), new_height.min(SIDE_MAX), FilterType::Triangle);
    }
    if new_width > SIDE_MAX || new_height > SIDE_MAX {
        return cut(picture, size).resize_exact(size.width, size.height, FilterType::Triangle);
    }
    let scaled = picture.resize_exact(new_width, new_height, FilterType::Triangle);
    let (x, y) = corner(new_width - size.width, new_height - size.height, size.fit);
    scaled.crop_imm(x, y, size.width, size.height)
}

/// Where the part that is kept begins, of what stands over.
fn corner(over_x: u32, over_y: u32, fit: Fit) -> (u32, u32) {
    match fit {
        Fit::Top => (over_x / 2, 0),
        Fit::Bottom => (over_x / 2, over_y),
        Fit::Centre | Fit::Inside => (over_x / 2, over_y / 2),
    }
}

/// The part of a long and narrow picture that fills its frame: cut out before it is scaled, because scaled as a whole
/// it would be very large.
fn cut(picture: &DynamicImage, size: Size) -> DynamicImage {
    let kept = |side: u64, by: u32, of: u32| {
        u32::try_from((side * u64::from(by)).div_ceil(u64::from(of))).unwrap_or(u32::MAX)
    };
    let width = kept(picture.height().into(), size.width, size.height).clamp(1, picture.width());
    let height = kept(width.into(), size.height, size.width).clamp(1, picture.height());
    let (x, y) = corner(picture.width() - width, picture.height() - height, size.fit);
    picture.crop_imm(x, y, width, height)
}

/// Width and height before anything is cut off.
fn scaled(width: u32, height: u32, size: Size) -> (u32, u32) {
    let (w, h) = (f64::from(width.max(1)), f64::from(height.max(1)));
    let (by_width, by_height) = (f64::from(size.width) / w, f64::from(size.height) / h);
    let by = match (size.width, size.height, size.fit) {
        (0, ..) => by_height,
        (_, 0, _) => by_width,
        (.., Fit::Inside) => by_width.min(by_height).min(1.0),
        _ => by_width.max(by_height),
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "between 1 and a bound far below 2^32"
    )]
    let pixels = |length: f64, least: u32| ((length * by).round() as u32).clamp(1, SIDE_MAX * 16).max(least);
    let (least_w, least_h) = match size.fit {
        Fit::Inside => (1, 1),
        _ => (size.width, size.height),
    };
    (pixels(w, least_w), pixels(h, least_h))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        let size = |width, height, fit| Some(Size { width, height, fit });
        for (text, read) in [
            ("100x50", size(100, 50, Fit::Centre)),
            ("0x50", size(0, 50, Fit::Centre)),
            ("100x50t", size(100, 50, Fit::Top)),
            ("100x50b", size(100, 50, Fit::Bottom)),
            ("100x50f", size(100, 50, Fit::Inside)),
            ("0x0", None),
            ("99999x1", None),
            ("100", None),
            ("", None),
            ("-1x5", None),
        ] {
            assert_eq!(Size::parse(text), read, "{text}");
        }
    }

    #[test]
    fn a_picture_fills_its_frame_or_lies_inside() {
        let picture = DynamicImage::new_rgb8(400, 200);
        for (size, width, height) in [
            ("100x100", 100, 100),
            ("100x0", 100, 50),
            ("0x100", 200, 100),
            ("100x100f", 100, 50),
            ("800x800f", 400, 200),
            ("33x77b", 33, 77),
        ] {
            let small = shrink(&picture, Size::parse(size).expect("a size"));
            assert_eq!((small.width(), small.height()), (width, height), "{size}");
        }
    }

    #[test]
    fn a_long_and_narrow_picture_makes_no_large_small_one() {
        for (width, height) in [(1, 60_000), (60_000, 1)] {
            let picture = DynamicImage::new_luma8(width, height);
            for size in ["4096x4096", "4096x0", "0x4096", "4096x4096t", "4096x1"] {
                let small = shrink(&picture, Size::parse(size).expect("a size"));
                assert!(small.width() <= SIDE_MAX && small.height() <= SIDE_MAX, "{size}");
            }
        }
    }

    #[test]
    fn a_picture_with_too_many_pixels_is_not_even_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.png");
        DynamicImage::new_rgb8(100, 100).save(&path).expect("saved");
        let size = Size::parse("10x10").expect("a size");
        assert!(make(&path, size, 10_000).expect("reads").is_some());
        assert!(make(&path, size, 9_999).expect("reads").is_none());
        std::fs::write(&path, "no picture").expect("written");
        assert!(make(&path, size, 10_000).expect("reads").is_none());
    }
}
