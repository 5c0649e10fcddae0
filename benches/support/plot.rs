//! A plot of lines over logarithmic axes, as SVG.

use std::fmt::Write;

/// A line of a plot.
pub(crate) struct Line {
    pub(crate) name: String,
    /// All numbers must be positive.
    pub(crate) points: Vec<(f64, f64)>,
}

/// The texts of a plot.
pub(crate) struct Texts<'a> {
    pub(crate) title: &'a str,
    pub(crate) x: &'a str,
    pub(crate) y: &'a str,
}

const WIDTH: f64 = 760.0;
const HEIGHT: f64 = 440.0;
/// The area between the axes: left, right, top and bottom.
const AREA: (f64, f64, f64, f64) = (70.0, 590.0, 50.0, 385.0);
/// Colours that remain distinct for most colour-blind readers (Okabe and Ito).
const COLOURS: [&str; 6] = [
    "#000000", "#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00",
];

/// An axis from a power of ten to another.
struct Axis {
    from: f64,
    to: f64,
    start: f64,
    end: f64,
}

impl Axis {
    fn new(numbers: impl Iterator<Item = f64> + Clone, start: f64, end: f64) -> Axis {
        let least = numbers.clone().fold(f64::INFINITY, f64::min);
        let most = numbers.fold(f64::MIN_POSITIVE, f64::max);
        Axis {
            // A rate of ten is never met exactly.
            from: (least.log10() + 0.05).floor(),
            to: most.log10().ceil(),
            start,
            end,
        }
    }

    fn place(&self, number: f64) -> f64 {
        let part = (number.log10() - self.from) / (self.to - self.from);
        self.start + part * (self.end - self.start)
    }

    /// The powers of ten, and where they are.
    fn ticks(&self) -> impl Iterator<Item = (String, f64)> {
        let powers = self.from as i32..=self.to as i32;
        powers.map(|power| {
            let number = 10f64.powi(power);
            let digits = power.min(0).unsigned_abs() as usize;
            (format!("{number:.digits$}"), self.place(number))
        })
    }
}

/// Draws the lines, each with its name at its end.
pub(crate) fn svg(texts: &Texts<'_>, lines: &[Line]) -> String {
    let (left, right, top, bottom) = AREA;
    let points = || lines.iter().flat_map(|line| line.points.iter());
    let x = Axis::new(points().map(|point| point.0), left, right);
    let y = Axis::new(points().map(|point| point.1), bottom, top);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"#fff\"/>\n\
         <text x=\"{left}\" y=\"28\" font-size=\"15\">{}</text>\n",
        texts.title
    );
    let mut put = |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").expect("memory");
    for (number, at) in x.ticks() {
        put(format_args!(
            "<path d=\"M{at:.1} {top}V{bottom}\" stroke=\"#ddd\"/>\
             <text x=\"{at:.1}\" y=\"{}\" text-anchor=\"middle\">{number}</text>",
            bottom + 18.0
        ));
    }
    for (number, at) in y.ticks() {
        put(format_args!(
            "<path d=\"M{left} {at:.1}H{right}\" stroke=\"#ddd\"/>\
             <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{number}</text>",
            left - 6.0,
            at + 4.0
        ));
    }
    put(format_args!(
        "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(left, right),
        HEIGHT - 14.0,
        texts.x
    ));
    put(format_args!(
        "<text transform=\"translate(18 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(top, bottom),
        texts.y
    ));
    for ((line, colour), label) in lines
        .iter()
        .zip(COLOURS.iter().cycle())
        .zip(labels(lines, &y))
    {
        let places = line
            .points
            .iter()
            .map(|(at, cost)| (x.place(*at), y.place(*cost)));
        let path: Vec<String> = places.map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        put(format_args!(
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>\
             <text x=\"{}\" y=\"{label:.1}\" fill=\"{colour}\">{}</text>",
            path.join(" "),
            right + 8.0,
            line.name
        ));
    }
    out + "</svg>\n"
}

/// The heights of the names: those of the ends of the lines, but not on top of each other.
fn labels(lines: &[Line], y: &Axis) -> Vec<f64> {
    const APART: f64 = 15.0;
    let end = |line: &Line| {
        line.points
            .last()
            .map_or(0.0, |point| y.place(point.1) + 4.0)
    };
    let mut order: Vec<(usize, f64)> = lines.iter().map(end).enumerate().collect();
    order.sort_by(|a, b| a.1.total_cmp(&b.1));
    for index in 1..order.len() {
        order[index].1 = order[index].1.max(order[index - 1].1 + APART);
    }
    order.sort_by_key(|(line, _)| *line);
    order.into_iter().map(|(_, at)| at).collect()
}
