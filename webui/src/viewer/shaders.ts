// GLSL of the 2D engine and how it is compiled: one pass per layer, cheap enough for software GL.

export const VERTEX = `#version 300 es
uniform vec3 u_origin;
uniform vec3 u_right;
uniform vec3 u_up;
uniform vec3 u_gridOrigin;
uniform vec3 u_gridRight;
uniform vec3 u_gridUp;
out vec3 v_tex;
out vec3 v_grid;
void main() {
  vec2 p = vec2(gl_VertexID & 1, gl_VertexID >> 1);
  v_tex = u_origin + p.x * u_right + p.y * u_up;
  v_grid = u_gridOrigin + p.x * u_gridRight + p.y * u_gridUp;
  gl_Position = vec4(p * 2.0 - 1.0, 0.0, 1.0);
}`;

/** `place` is where a pixel reads the volume: moved to the voxels of the display grid if there is one. */
const HEAD = `#version 300 es
precision highp float;
precision highp sampler3D;
uniform sampler3D u_volume;
uniform vec3 u_size;
uniform float u_opacity;
uniform float u_outline;
uniform vec3 u_dx;
uniform vec3 u_dy;
uniform bool u_snap;
uniform mat3 u_gridToTex;
uniform vec3 u_gridDx;
uniform vec3 u_gridDy;
in vec3 v_tex;
in vec3 v_grid;
out vec4 o_color;
bool outside(vec3 t) { return any(lessThan(t, vec3(0.0))) || any(greaterThan(t, vec3(1.0))); }
vec3 centre(vec3 t) { return (floor(t * u_size) + 0.5) / u_size; }
vec3 place(vec2 by) {
  vec3 t = v_tex + by.x * u_dx + by.y * u_dy;
  if (!u_snap) return t;
  vec3 g = v_grid + by.x * u_gridDx + by.y * u_gridDy;
  return t + u_gridToTex * (floor(g + 0.5) - g);
}
`;

/** Grey values: slab, window, gamma, colour table (second row: negative values), thresholds. */
export const SCALAR = `${HEAD}
uniform sampler2D u_table;
uniform vec2 u_window;
uniform vec2 u_mirror;
uniform bool u_symmetric;
uniform float u_gamma;
uniform vec3 u_shown;
uniform bool u_nearest;
uniform int u_slab;
uniform int u_project;
uniform vec3 u_through;
float one(vec3 t) { return texture(u_volume, u_nearest ? centre(t) : t).r; }
float read(vec3 t) {
  if (u_slab < 2) return one(t);
  float sum = 0.0;
  float high = -3.4e38;
  float low = 3.4e38;
  int n = 0;
  for (int i = 0; i < 41; i++) {
    if (i >= u_slab) break;
    vec3 p = t + u_through * (float(i) - 0.5 * float(u_slab - 1));
    if (outside(p)) continue;
    float v = one(p);
    sum += v;
    high = max(high, v);
    low = min(low, v);
    n++;
  }
  if (n == 0) return one(t);
  return u_project == 0 ? high : u_project == 1 ? sum / float(n) : low;
}
bool shown(float raw) {
  return (raw >= u_shown.x && raw <= u_shown.y) || (u_symmetric && raw <= u_shown.z);
}
bool drawn(vec2 by) {
  vec3 t = place(by);
  return !outside(t) && shown(read(t));
}
void main() {
  vec3 t = place(vec2(0.0));
  if (outside(t)) discard;
  float raw = read(t);
  if (!shown(raw)) discard;
  float x = raw * u_window.x + u_window.y;
  float row = 0.25;
  if (u_symmetric) {
    float negative = raw * u_mirror.x + u_mirror.y;
    if (negative > x) { x = negative; row = 0.75; }
  }
  x = clamp(x, 0.0, 1.0);
  if (u_gamma != 1.0) x = pow(x, u_gamma);
  vec4 color = texture(u_table, vec2(x * (255.0 / 256.0) + 0.5 / 256.0, row));
  float alpha = color.a * u_opacity;
  if (u_outline > 0.0) {
    bool edge = !drawn(vec2(1.0, 0.0)) || !drawn(vec2(-1.0, 0.0)) || !drawn(vec2(0.0, 1.0))
      || !drawn(vec2(0.0, -1.0));
    if (edge) alpha = u_outline;
  }
  o_color = vec4(color.rgb, alpha);
}`;

/** Colour images are shown as they are stored, in the order of channels that is asked for. */
export const COLOUR = `${HEAD}
uniform bool u_nearest;
uniform ivec3 u_channels;
uniform bool u_squares;
void main() {
  vec3 t = place(vec2(0.0));
  if (outside(t)) discard;
  vec3 c = texture(u_volume, u_nearest ? centre(t) : t).rgb;
  vec3 color = u_squares ? vec3(sqrt(dot(c, c) / 3.0)) : vec3(c[u_channels.x], c[u_channels.y], c[u_channels.z]);
  o_color = vec4(color, u_opacity);
}`;

/** Labels: nearest voxel, red is the entry of the table, all channels tell two labels apart. */
export const LABELS = `${HEAD}
uniform sampler2D u_table;
uniform bool u_wide;
vec4 label(vec2 by) {
  vec3 t = place(by);
  return outside(t) ? vec4(0.0) : texture(u_volume, centre(t));
}
void main() {
  vec4 here = label(vec2(0.0));
  if (here.r == 0.0) discard;
  vec2 entry = u_wide ? here.gb : vec2(here.r, 0.0);
  vec4 color = texture(u_table, (entry * 255.0 + 0.5) / vec2(256.0, u_wide ? 256.0 : 2.0));
  if (color.a == 0.0) discard;
  float alpha = color.a * u_opacity;
  if (u_outline > 0.0) {
    bool edge = label(vec2(1.0, 0.0)) != here || label(vec2(-1.0, 0.0)) != here
      || label(vec2(0.0, 1.0)) != here || label(vec2(0.0, -1.0)) != here;
    if (edge) alpha = color.a * u_outline;
  }
  o_color = vec4(color.rgb, alpha);
}`;

export interface Program {
  handle: WebGLProgram;
  at: (name: string) => WebGLUniformLocation | null;
}

function compile(gl: WebGL2RenderingContext, type: number, source: string): WebGLShader {
  const shader = gl.createShader(type)!;
  gl.shaderSource(shader, source);
  gl.compileShader(shader);
  return shader;
}

/** Compile and link; an error names the driver's complaint. */
export function link(gl: WebGL2RenderingContext, fragment: string): Program {
  const handle = gl.createProgram();
  const shaders = [
    compile(gl, gl.VERTEX_SHADER, VERTEX),
    compile(gl, gl.FRAGMENT_SHADER, fragment),
  ];
  for (const shader of shaders) gl.attachShader(handle, shader);
  gl.linkProgram(handle);
  if (!gl.getProgramParameter(handle, gl.LINK_STATUS) && !gl.isContextLost()) {
    const logs = shaders.map((shader) => gl.getShaderInfoLog(shader)).join("\n");
    throw new Error(`Shader: ${gl.getProgramInfoLog(handle) ?? ""} ${logs}`);
  }
  for (const shader of shaders) gl.deleteShader(shader);
  const places = new Map<string, WebGLUniformLocation | null>();
  const at = (name: string): WebGLUniformLocation | null => {
    if (!places.has(name)) places.set(name, gl.getUniformLocation(handle, name));
    return places.get(name) ?? null;
  };
  return { handle, at };
}
