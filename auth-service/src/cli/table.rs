//! Tables with aligned columns.

/// Formats a table: a line of column names, then the rows, with each column as wide as its longest cell.
pub(super) fn table<const N: usize>(names: [&str; N], rows: &[[String; N]]) -> String {
    let mut widths = names.map(|name| name.chars().count());
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String; N]| {
        let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![line(&names.map(str::to_owned))];
    lines.extend(rows.iter().map(line));
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::table;

    #[test]
    fn columns_are_aligned_and_lines_have_no_tail() {
        let rows = [["a".into(), "first".into()], ["longer".into(), String::new()]];
        assert_eq!(table(["NAME", "WHAT"], &rows), "NAME    WHAT\na       first\nlonger");
        assert_eq!(table(["NAME"], &[]), "NAME");
    }
}
