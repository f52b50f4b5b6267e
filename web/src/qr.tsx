import { useMemo } from "preact/hooks";
import { encode } from "uqr";

/* Dark on light in both schemes, with the quiet zone of four modules that cameras want (ISO/IEC 18004). */
export function Qr({ text, label }: { text: string; label: string }) {
  const code = useMemo(() => encode(text, { ecc: "M", border: 4 }), [text]);
  const path = code.data.map((row, y) => row.map((dark, x) => (dark ? `M${x} ${y}h1v1h-1z` : "")).join("")).join("");
  return (
    <svg class="qr" viewBox={`0 0 ${code.size} ${code.size}`} role="img" aria-label={label} shapeRendering="crispEdges">
      <path class="qr-light" d={`M0 0h${code.size}v${code.size}H0z`} />
      <path class="qr-dark" d={path} />
    </svg>
  );
}
