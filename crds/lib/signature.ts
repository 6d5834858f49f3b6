import { z } from 'zod';
import { withRules } from './rule.ts';

const side = () => z.int().min(1).max(16_384);
const perChannel = (value: z.ZodNumber = z.number()) => z.array(value).min(1).max(3);
const divisor = () =>
  withRules(z.number(), { cel: 'self != 0.0', message: 'must not be 0', check: (value) => value !== 0 });

const resize = z.strictObject({
  height: side(),
  width: side(),
  mode: z
    .enum(['Stretch', 'Letterbox', 'Crop'])
    .describe(
      'Stretch changes the aspect ratio, Letterbox keeps it and fills, Crop keeps it and cuts. Default: Stretch.',
    )
    .optional(),
  fill: z.int().min(0).max(255).describe('Value around a letterboxed image. Default: 128.').optional(),
});

const preprocess = z.strictObject({
  input: z.string().min(1).max(256).describe('Input that takes images. Default: the only one.').optional(),
  resize: resize.describe('Default: to the height and width that the model declares.').optional(),
  channels: z.enum(['RGB', 'BGR', 'Gray']).describe('Order of the colours. Default: RGB.').optional(),
  layout: z.enum(['NCHW', 'NHWC']).describe('Default: NCHW.').optional(),
  scale: z.number().describe('Factor of every value of 0 to 255. Default: 1/255.').optional(),
  mean: perChannel().describe('Subtracted after scaling, of each channel or of all. Default: 0.').optional(),
  std: perChannel(divisor()).describe('Divides what is left, of each channel or of all. Default: 1.').optional(),
});

const boxes = z.strictObject({
  format: z
    .enum(['XYXY', 'XYWH', 'CXCYWH', 'YXYX'])
    .describe('What the first four values of a candidate are. Default: CXCYWH.')
    .optional(),
  normalized: z
    .boolean()
    .describe('Coordinates go from 0 to 1, not over pixels of the input. Default: false.')
    .optional(),
  objectness: z.boolean().describe('A fifth value multiplies all scores. Default: false.').optional(),
  transposed: z.boolean().describe('The output is [N, values, candidates]. Default: false.').optional(),
  scoreThreshold: z.number().min(0).max(1).describe('Default: 0.5.').optional(),
  iouThreshold: z
    .number()
    .min(0)
    .max(1)
    .describe('Of boxes of one class, above which the weaker goes. Default: 0.5.')
    .optional(),
  maxBoxes: z.int().min(1).max(10_000).describe('Of one image. Default: 100.').optional(),
});

const postprocess = z.strictObject({
  output: z.string().min(1).max(256).describe('Output that is worked on. Default: the only one.').optional(),
  softmax: z.boolean().describe('Over the last dimension. Default: false.').optional(),
  topK: z
    .int()
    .min(1)
    .max(10_000)
    .describe('The largest of the last dimension, as outputs "scores" and "classes" (and "labels").')
    .optional(),
  labels: z.array(z.string().max(256)).max(10_000).describe('Names of the classes, in their order.').optional(),
  boxes: boxes.describe('Candidates become outputs "boxes" (x1, y1, x2, y2, score, class) and "count".').optional(),
});

/** How images become the tensors that a model takes, and its tensors become what people read. */
export const signature = () =>
  z
    .strictObject({
      preprocess: preprocess.describe('Images (JPEG, PNG) are taken as well as tensors.').optional(),
      postprocess: postprocess.optional(),
    })
    .describe('What an inference server does before and after the model.');

export type ModelSignature = z.infer<ReturnType<typeof signature>>;
export type Preprocess = z.infer<typeof preprocess>;
export type Postprocess = z.infer<typeof postprocess>;
export type BoxOptions = z.infer<typeof boxes>;
export type ResizeOptions = z.infer<typeof resize>;
