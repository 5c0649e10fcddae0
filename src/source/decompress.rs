//! Decompresses inputs, which are recognized by their first bytes.

use std::io::{self, Read};

/// The formats and the bytes that each starts with: RFC 1952, RFC 8878, and xz's file format.
const MAGIC: [(Format, &[u8]); 3] = [
    (Format::Gzip, b"\x1f\x8b\x08"),
    (Format::Zstd, b"\x28\xb5\x2f\xfd"),
    (Format::Xz, b"\xfd7zXZ\0"),
];

/// A compressed format.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Format {
    Gzip,
    Zstd,
    Xz,
}

/// What the first bytes of an input tell.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Guess {
    /// It is not compressed.
    Plain,
    Compressed(Format),
    /// There are too few bytes to tell.
    Open,
}

/// Guesses the format of an input from its first bytes.
pub(super) fn guess(start: &[u8]) -> Guess {
    for (format, magic) in MAGIC {
        if start.starts_with(magic) {
            return Guess::Compressed(format);
        }
        if magic.starts_with(start) {
            return Guess::Open;
        }
    }
    Guess::Plain
}

/// A reader of decompressed bytes.
pub(super) type Decoder = Box<dyn Read + Send>;

/// Decompresses what `source` reads. Several streams in one input are read one after the other, as
/// the format's own tool does.
#[cfg(feature = "compression")]
pub(super) fn decoder(format: Format, source: impl Read + Send + 'static) -> io::Result<Decoder> {
    /// The memory for one xz stream, in KiB; `xz -9` needs 65 MiB.
    const MAX_XZ_KIB: u32 = 192 << 10;
    Ok(match format {
        Format::Gzip => Box::new(flate2::read::MultiGzDecoder::new(source)),
        Format::Zstd => Box::new(zstd::Frames::new(source)),
        Format::Xz => Box::new(lzma_rust2::XzReader::new_mem_limit(
            io::BufReader::new(source),
            true,
            MAX_XZ_KIB,
        )),
    })
}

#[cfg(not(feature = "compression"))]
pub(super) fn decoder(_: Format, _: impl Read + Send + 'static) -> io::Result<Decoder> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(feature = "compression")]
mod zstd {
    use std::io::{self, BufRead, BufReader, Read};

    use ruzstd::decoding::{
        BlockDecodingStrategy, FrameDecoder,
        errors::{FrameDecoderError, ReadFrameHeaderError},
    };

    /// Reads the frames of an input one after the other.
    pub(super) struct Frames<R> {
        source: BufReader<R>,
        frame: FrameDecoder,
        is_open: bool,
    }

    impl<R: Read> Frames<R> {
        pub(super) fn new(source: R) -> Frames<R> {
            Frames {
                source: BufReader::new(source),
                frame: FrameDecoder::new(),
                is_open: false,
            }
        }

        /// Starts the next frame. `false` at the end of the input.
        fn open(&mut self) -> io::Result<bool> {
            while !self.source.fill_buf()?.is_empty() {
                match self.frame.reset(&mut self.source) {
                    Ok(()) => return Ok(true),
                    Err(FrameDecoderError::ReadFrameHeaderError(
                        ReadFrameHeaderError::SkipFrame { length, .. },
                    )) => {
                        let mut skipped = (&mut self.source).take(u64::from(length));
                        io::copy(&mut skipped, &mut io::sink())?;
                    }
                    Err(error) => return Err(io::Error::other(error)),
                }
            }
            Ok(false)
        }
    }

    impl<R: Read> Read for Frames<R> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            loop {
                if !self.is_open {
                    self.is_open = self.open()?;
                    if !self.is_open {
                        return Ok(0);
                    }
                }
                if self.frame.can_collect() == 0 && !self.frame.is_finished() {
                    let wanted = BlockDecodingStrategy::UptoBytes(buffer.len());
                    self.frame
                        .decode_blocks(&mut self.source, wanted)
                        .map_err(io::Error::other)?;
                }
                match self.frame.read(buffer)? {
                    0 if self.frame.is_finished() => self.is_open = false,
                    0 => {}
                    length => return Ok(length),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_bytes_tell_the_format() {
        assert_eq!(guess(b"type=CWD"), Guess::Plain);
        assert_eq!(guess(b"\x1f"), Guess::Open);
        assert_eq!(guess(b"\x1f\x8b\x08\0"), Guess::Compressed(Format::Gzip));
        assert_eq!(guess(b"(b"), Guess::Plain);
        assert_eq!(guess(b"(\xb5/\xfd"), Guess::Compressed(Format::Zstd));
        assert_eq!(guess(b"\xfd7zXZ\0"), Guess::Compressed(Format::Xz));
        assert_eq!(guess(b"\xfd7zXZ"), Guess::Open);
    }
}
