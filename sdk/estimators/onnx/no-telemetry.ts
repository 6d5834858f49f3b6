/**
 * ONNX Runtime reports models and devices to its maker unless told otherwise, and keeps a log for each process in the folder of
 * temporary files. What runs on an edge is nobody else's business: off, unless a user sets the variable to 0.
 * Imported before the runtime, which reads it when the first session opens.
 */
process.env.ORT_DISABLE_TELEMETRY ??= '1';
