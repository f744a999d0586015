/**
 * A file written by the reference library (Python safetensors 0.8.0, `serialize`): every common dtype, an empty tensor,
 * a scalar, and names that need escaping or sort differently in UTF-16 and UTF-8. The values are repeated in the tests.
 */
const base64 =
  "QAQAAAAAAAB7Il9fbWV0YWRhdGFfXyI6eyJmb3JtYXQiOiJwdCJ9LCJ1NjQiOnsiZHR5cGUiOiJVNjQiLCJzaGFwZSI6WzFdLCJkYXRh" +
  "X29mZnNldHMiOlswLDhdfSwiaTY0Ijp7ImR0eXBlIjoiSTY0Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbOCwyNF19LCJkb3Vi" +
  "bGUiOnsiZHR5cGUiOiJGNjQiLCJzaGFwZSI6WzFdLCJkYXRhX29mZnNldHMiOlsyNCwzMl19LCJlbXB0eSI6eyJkdHlwZSI6IkYzMiIs" +
  "InNoYXBlIjpbMCw0XSwiZGF0YV9vZmZzZXRzIjpbMzIsMzJdfSwic2luZ2xlIjp7ImR0eXBlIjoiRjMyIiwic2hhcGUiOltdLCJkYXRh" +
  "X29mZnNldHMiOlszMiwzNl19LCLlsYIuMFwiXFxcbiI6eyJkdHlwZSI6IkYzMiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzM2" +
  "LDQwXX0sInUzMiI6eyJkdHlwZSI6IlUzMiIsInNoYXBlIjpbMV0sImRhdGFfb2Zmc2V0cyI6WzQwLDQ0XX0sImkzMiI6eyJkdHlwZSI6" +
  "IkkzMiIsInNoYXBlIjpbMSwyXSwiZGF0YV9vZmZzZXRzIjpbNDQsNTJdfSwiYnJhaW4iOnsiZHR5cGUiOiJCRjE2Iiwic2hhcGUiOlsy" +
  "XSwiZGF0YV9vZmZzZXRzIjpbNTIsNTZdfSwiaGFsZiI6eyJkdHlwZSI6IkYxNiIsInNoYXBlIjpbMiwyXSwiZGF0YV9vZmZzZXRzIjpb" +
  "NTYsNjRdfSwidTE2Ijp7ImR0eXBlIjoiVTE2Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbNjQsNjhdfSwiaTE2Ijp7ImR0eXBl" +
  "IjoiSTE2Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbNjgsNzJdfSwiZTRtMyI6eyJkdHlwZSI6IkY4X0U0TTMiLCJzaGFwZSI6" +
  "WzJdLCJkYXRhX29mZnNldHMiOls3Miw3NF19LCJpOCI6eyJkdHlwZSI6Ikk4Iiwic2hhcGUiOlsyXSwiZGF0YV9vZmZzZXRzIjpbNzQs" +
  "NzZdfSwiYnl0ZXMiOnsiZHR5cGUiOiJVOCIsInNoYXBlIjpbMl0sImRhdGFfb2Zmc2V0cyI6Wzc2LDc4XX0sIu+/riI6eyJkdHlwZSI6" +
  "IlU4Iiwic2hhcGUiOlsxXSwiZGF0YV9vZmZzZXRzIjpbNzgsNzldfSwi8J+YgCI6eyJkdHlwZSI6IlU4Iiwic2hhcGUiOlsxXSwiZGF0" +
  "YV9vZmZzZXRzIjpbNzksODBdfSwiZmxhZyI6eyJkdHlwZSI6IkJPT0wiLCJzaGFwZSI6WzNdLCJkYXRhX29mZnNldHMiOls4MCw4M119" +
  "fSAgIP//////////AAAAAAAAAID/////////f5qZmZmZmbk/2w9JQAAAIED/////AAAAgP///3+AP0nAADwAuP97AQAAAP//AID/fzh+" +
  "gH8A/wECAQAB";

export const referenceFile: Uint8Array = Uint8Array.from(Buffer.from(base64, "base64"));
