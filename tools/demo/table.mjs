// The final tables: what went through, and what it cost.

/** @param stages with what each has moved, and `costs` of its processes */
export function printTables(output, stages) {
  const sum = (values) => values.reduce((total, value) => total + value, 0);
  const together = {
    name: 'together',
    connections: sum(stages.map(({ connections }) => connections)),
    bytes: sum(stages.map(({ bytes }) => bytes)),
    seconds: sum(stages.map(({ seconds }) => seconds)),
  };
  const transfers = [...stages, together].map(({ name, connections, bytes, seconds }) => [
    name,
    String(connections),
    megabytes(bytes),
    megabytes(bytes),
    seconds.toFixed(2),
    megabytes(bytes / seconds),
  ]);
  const costs = stages.flatMap((stage) => stage.costs.map((cost) => ({ stage: stage.name, ...cost })));
  const processes = costs.map(({ stage, name, report }) => [
    `${stage}: ${name}`,
    report.cpuSeconds.toFixed(2),
    megabytes(report.peakMemoryBytes),
  ]);
  const cpuSeconds = sum(costs.map(({ report }) => report.cpuSeconds));
  const peak = Math.max(...costs.map(({ report }) => report.peakMemoryBytes));
  output.write(
    `\n${aligned([['', 'connections', 'MB there', 'MB back', 'seconds', 'MB/s each way'], ...transfers])}` +
      `\n${aligned([['', 'CPU seconds', 'peak memory MB'], ...processes, ['together', cpuSeconds.toFixed(2), megabytes(peak)]])}\n`,
  );
}

function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

/** First column to the left, numbers to the right. */
function aligned(lines) {
  const widths = lines[0].map((_, i) => Math.max(...lines.map((cells) => cells[i].length)));
  return lines
    .map((cells) => cells.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i] + 3))).join(''))
    .map((line) => `${line.trimEnd()}\n`)
    .join('');
}
