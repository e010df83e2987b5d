// Draws streamlines into the renderer's own picture, in front of and behind what it has drawn.
import type { Rgb } from "./colormaps";
import { depths, halves, screenAxes } from "./eye";
import type { FiberLines } from "./fibers";
import type { Vec3 } from "./linalg";
import type { Pose3d } from "./pose3d";

const VERTEX = `#version 300 es
layout(location = 0) in vec3 a_mm;
layout(location = 1) in vec4 a_colour;
uniform vec3 u_pivot, u_right, u_up, u_near;
uniform vec2 u_depth;
uniform vec4 u_one;
out vec4 v_colour;
void main() {
  vec3 d = a_mm - u_pivot;
  float near = dot(d, u_near);
  gl_Position = vec4(dot(d, u_right), dot(d, u_up), u_depth.x - near * u_depth.y, 1.0);
  // What is farther away is darker.
  float light = clamp(0.8 + 0.35 * near / u_one.w, 0.45, 1.0);
  v_colour = vec4(light * (u_one.x < 0.0 ? a_colour.rgb : u_one.rgb), 1.0);
}`;
const FRAGMENT = `#version 300 es
precision mediump float;
in vec4 v_colour;
uniform float u_alpha;
out vec4 colour;
void main() { colour = vec4(v_colour.rgb, u_alpha); }`;

/** How much of a line is seen behind what lets light through. */
const BEHIND = 0.35;

export interface FiberLook {
  /** Null: by direction. */
  colour: Rgb | null;
  opacity: number;
}

interface Held {
  vao: WebGLVertexArrayObject;
  buffers: WebGLBuffer[];
  n: number;
}

function compiled(gl: WebGL2RenderingContext): WebGLProgram {
  const program = gl.createProgram();
  for (const [type, source] of [
    [gl.VERTEX_SHADER, VERTEX],
    [gl.FRAGMENT_SHADER, FRAGMENT],
  ] as const) {
    const shader = gl.createShader(type)!;
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
    gl.deleteShader(shader);
  }
  gl.linkProgram(program);
  return program;
}

export class FiberPainter {
  private readonly program: WebGLProgram;
  private readonly held = new Map<string, Held>();

  constructor(private readonly gl: WebGL2RenderingContext) {
    this.program = compiled(gl);
  }

  has(id: string): boolean {
    return this.held.has(id);
  }

  take(id: string, { positions, colours, indices }: FiberLines): void {
    const { gl } = this;
    this.drop(id);
    const vao = gl.createVertexArray();
    gl.bindVertexArray(vao);
    const fill = (target: number, data: Float32Array | Uint8Array | Uint32Array): WebGLBuffer => {
      const buffer = gl.createBuffer();
      gl.bindBuffer(target, buffer);
      gl.bufferData(target, data, gl.STATIC_DRAW);
      return buffer;
    };
    const places = fill(gl.ARRAY_BUFFER, positions);
    gl.enableVertexAttribArray(0);
    gl.vertexAttribPointer(0, 3, gl.FLOAT, false, 0, 0);
    const paints = fill(gl.ARRAY_BUFFER, colours);
    gl.enableVertexAttribArray(1);
    gl.vertexAttribPointer(1, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    const order = fill(gl.ELEMENT_ARRAY_BUFFER, indices);
    gl.bindVertexArray(null);
    gl.bindBuffer(gl.ARRAY_BUFFER, null);
    this.held.set(id, { vao, buffers: [places, paints, order], n: indices.length });
  }

  drop(id: string): void {
    const held = this.held.get(id);
    if (!held) return;
    this.gl.deleteVertexArray(held.vao);
    for (const buffer of held.buffers) this.gl.deleteBuffer(buffer);
    this.held.delete(id);
  }

  /** Draw over what is there; `through`: some of that lets light through. */
  draw(pose: Pose3d, looks: ReadonlyMap<string, FiberLook>, through: boolean): void {
    if (looks.size === 0) return;
    const { gl } = this;
    gl.useProgram(this.program);
    this.aim(pose);
    gl.viewport(0, 0, gl.drawingBufferWidth, gl.drawingBufferHeight);
    gl.enable(gl.DEPTH_TEST);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA);
    gl.depthFunc(gl.GREATER);
    gl.depthMask(false);
    if (through) this.each(looks, BEHIND, pose.reach);
    gl.depthFunc(gl.LESS);
    gl.depthMask(true);
    this.each(looks, 1, pose.reach);
    gl.bindVertexArray(null);
  }

  private each(looks: ReadonlyMap<string, FiberLook>, share: number, reach: number): void {
    const { gl } = this;
    for (const [id, { colour, opacity }] of looks) {
      const held = this.held.get(id);
      if (!held) continue;
      const [r, g, b] = colour ? colour.map((v) => v / 255) : [-1, 0, 0];
      gl.uniform4f(this.at("u_one"), r!, g!, b!, reach);
      gl.uniform1f(this.at("u_alpha"), opacity * share);
      gl.bindVertexArray(held.vao);
      gl.drawElements(gl.LINE_STRIP, held.n, gl.UNSIGNED_INT, 0);
    }
  }

  private aim(pose: Pose3d): void {
    const { gl } = this;
    const { right, up, near } = screenAxes(pose);
    const half = halves(pose, gl.drawingBufferWidth, gl.drawingBufferHeight);
    const { middle, perMm } = depths(pose);
    const set = (name: string, v: Vec3, by = 1): void =>
      gl.uniform3f(this.at(name), v[0] * by, v[1] * by, v[2] * by);
    set("u_pivot", pose.pivot);
    set("u_right", right, 1 / half.width);
    set("u_up", up, 1 / half.height);
    set("u_near", near);
    gl.uniform2f(this.at("u_depth"), middle, perMm);
  }

  private at(name: string): WebGLUniformLocation | null {
    return this.gl.getUniformLocation(this.program, name);
  }

  dispose(): void {
    for (const id of [...this.held.keys()]) this.drop(id);
    this.gl.deleteProgram(this.program);
  }
}
